// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// pixelSide is the side to which images are reduced for [Pixels].
const pixelSide = 16

// pixelFeatures takes the normalised pixels of an image of 16 x 16 pixels as its features: 768 of RGB.
func pixelFeatures(normalize augment.Normalize) *network {
	width := normalize.Channels() * pixelSide * pixelSide
	return fixed(Pixels, pixelSide, normalize, width, func(x torch.Tensor) torch.Tensor {
		return x.Reshape(x.Size(0), -1)
	})
}

// colourLevels is how many ranges of levels each channel has in a colour histogram.
const colourLevels = 4

// colourFeatures takes the square roots of the shares of 64 colours as features: 4 ranges of red by 4 of green by 4 of
// blue. The cosine of two images is then the overlap of their histograms (Bhattacharyya's coefficient).
func colourFeatures(size int) *network {
	levels := augment.Normalize{Mean: make([]float32, 3), Std: []float32{1, 1, 1}} // 0 to 1
	const colours = colourLevels * colourLevels * colourLevels
	return fixed(Colours, size, levels, colours, func(x torch.Tensor) torch.Tensor {
		n, area := x.Size(0), x.Size(2)*x.Size(3)
		values, shares := x.Float32s(), make([]float32, n*colours)
		for i := range n {
			image, histogram := values[3*area*i:3*area*(i+1)], shares[colours*i:colours*(i+1)]
			for at := range area {
				colour := 0
				for c := range 3 {
					level := min(colourLevels-1, int(image[c*area+at]*colourLevels))
					colour = colour*colourLevels + level
				}
				histogram[colour]++
			}
			for j, count := range histogram {
				histogram[j] = float32(math.Sqrt(float64(count) / float64(area)))
			}
		}
		return torch.FromFloat32(shares, n, colours)
	})
}

// fixed is a network without weights.
func fixed(name string, size int, normalize augment.Normalize, width int, f nn.Func) *network {
	return &network{name: name, size: size, normalize: normalize,
		build: func(params *nn.Params) (parallax.Encoder, error) {
			return parallax.Encoder{Backbone: f, Params: params, Features: width}, nil
		}}
}
