// SPDX-License-Identifier: Apache-2.0

package lab

// Arms of SwAV, DINO, ReSSL, PAWS and SCAN that several experiments share: each runs once.
var (
	swav  = Arm{Name: "SwAV", Method: "swav"} // 64 prototypes, three iterations
	ressl = Arm{Name: "ReSSL", Method: "ressl"}
	paws  = Arm{Name: "PAWS", Method: "paws"}
	scan  = Arm{Name: "SCAN", Method: "scan"} // a pretext by SimCLR, then the clustering; λ is 5

	dino     = Arm{Name: "DINO", Method: "dino"}
	dinoCopy = Arm{Name: "the student itself as teacher", Method: "dino", Set: []string{"method.target_momentum=0", "method.final_target_momentum=0"}}
)
