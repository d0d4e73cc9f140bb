// SPDX-License-Identifier: Apache-2.0

package lab

// Arms of SimCLR, MoCo and NNCLR that several experiments share: each runs once.
var (
	simclr            = Arm{Name: "SimCLR", Method: "simclr"} // τ is 0.2, the batch 256
	simclrNoNegatives = Arm{Name: "without negatives", Method: "simclr", Set: []string{"method.negatives=false"}}
	simclrCold        = Arm{Name: "temperature 0.05", Method: "simclr", Set: []string{"method.temperature=0.05"}}
	simclrWarm        = Arm{Name: "temperature 1", Method: "simclr", Set: []string{"method.temperature=1"}}
	simclrLinear      = Arm{Name: "linear projector", Method: "simclr", Set: []string{"method.projector.widths=[128]"}}
	simclrNoProjector = Arm{Name: "without projector", Method: "simclr", Set: []string{"method.projector.widths=[]"}}
	simclrNoColour    = Arm{Name: "crops without colours", Method: "simclr", Set: noColour}
	simclrNoCrop      = Arm{Name: "colours without crops", Method: "simclr", Set: noCrop}
	simclrSmall       = Arm{Name: "SimCLR, batch 64", Method: "simclr", Set: []string{"train.batch=64"}}

	moco      = Arm{Name: "MoCo v2", Method: "mocov2"} // m is 0.99, the queue 2,048
	mocoSmall = Arm{Name: "MoCo v2, batch 64", Method: "mocov2", Set: []string{"train.batch=64"}}

	nnclr = Arm{Name: "NNCLR", Method: "nnclr"}
)

// Settings that take a part of the usual augmentation away, of every view. The crop that remains is the whole image.
var (
	noColour = []string{"augment.color_jitter.p=0", "augment.grayscale.p=0"}
	noCrop   = []string{"augment.random_resized_crop.scale=[1, 1]", "augment.random_resized_crop.ratio=[1, 1]"}

	cropsAlone = append([]string{"augment.solarize.p=0"}, noColour...) // of a recipe that solarizes, too
)
