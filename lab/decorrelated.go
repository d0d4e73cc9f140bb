// SPDX-License-Identifier: Apache-2.0

package lab

// Arms of VICReg, Barlow Twins and W-MSE that several experiments share: each runs once.
var (
	vicreg             = Arm{Name: "VICReg", Method: "vicreg"} // 25, 25, 1
	vicregInvariance   = Arm{Name: "invariance alone", Method: "vicreg", Set: []string{"method.invariance=1", "method.variance=0", "method.covariance=0"}}
	vicregOnes         = Arm{Name: "1, 1, 1", Method: "vicreg", Set: []string{"method.invariance=1", "method.variance=1", "method.covariance=1"}}
	vicregVariance     = Arm{Name: "1, 10, 1", Method: "vicreg", Set: []string{"method.invariance=1", "method.variance=10", "method.covariance=1"}}
	vicregDrawn        = Arm{Name: "10, 1, 1", Method: "vicreg", Set: []string{"method.invariance=10", "method.variance=1", "method.covariance=1"}}
	vicregNoVariance   = Arm{Name: "without the variance term", Method: "vicreg", Set: []string{"method.variance=0"}}
	vicregNoInvariance = Arm{Name: "without the invariance term", Method: "vicreg", Set: []string{"method.invariance=0"}}
	vicregNoCovariance = Arm{Name: "without the covariance term", Method: "vicreg", Set: []string{"method.invariance=1", "method.variance=1", "method.covariance=0"}}

	barlow         = Arm{Name: "Barlow Twins", Method: "barlowtwins"}
	barlowDiagonal = Arm{Name: "diagonal alone", Method: "barlowtwins", Set: []string{"method.lambda=0"}}

	wmse        = Arm{Name: "W-MSE", Method: "wmse"} // slices of 128 rows of 64 features, one partition
	wmseNoWhite = Arm{Name: "without whitening", Method: "wmse", Set: []string{"method.whitening=false"}}
)
