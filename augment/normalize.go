// SPDX-License-Identifier: Apache-2.0

package augment

import "sync"

// Normalize is the statistics of a data set, one of each channel: of R, G and B for levels scaled to [0, 1], of a deep
// image's channels for its values as they were decoded.
type Normalize struct {
	Mean, Std []float32
	// Low and High are the values that [Normalize.Levels] maps to 0 and 1, for deep images only. Empty: 0 and 1.
	Low, High []float32
}

// Channels returns the number of channels.
func (n Normalize) Channels() int { return len(n.Std) }

// Levels maps the values of a deep image that was decoded, so that Low becomes 0 and High 1, in place and without
// clipping. Other images it leaves as they are.
func (n Normalize) Levels(img *Image) {
	if img.Deep == nil || len(n.Low) == 0 {
		return
	}
	for i := 0; i < len(img.Deep); i += img.C {
		for c, v := range img.Deep[i : i+img.C] {
			img.Deep[i+c] = (v - n.Low[c]) / (n.High[c] - n.Low[c])
		}
	}
}

// CHW writes the normalised image into dst as planes: all of the first channel, then the second and so on, each by
// rows. len(dst) must be Channels*W*H or more. Of 8-bit RGB a value is (v/255 - mean) / std, each of the three steps
// rounded to float32, as torchvision's ToTensor and Normalize do. Of a deep image whose values are levels, it is what
// (v - mean) / std would be of the decoded values.
func (n Normalize) CHW(dst []float32, img *Image) {
	if img.Deep != nil {
		n.deep(dst, img)
		return
	}
	t := &n.table().of
	area := img.W * img.H
	r, g, b := dst[:area], dst[area:2*area], dst[2*area:3*area]
	pix := img.Pix[:3*area]
	for i := range r {
		p := pix[3*i : 3*i+3 : 3*i+3]
		r[i] = t[0][p[0]]
		g[i] = t[1][p[1]]
		b[i] = t[2][p[2]]
	}
}

// deep is CHW of a deep image.
func (n Normalize) deep(dst []float32, img *Image) {
	area := img.W * img.H
	for c := range img.C {
		mean, std := n.Mean[c], n.Std[c]
		if len(n.Low) > 0 {
			span := n.High[c] - n.Low[c]
			mean, std = (mean-n.Low[c])/span, std/span
		}
		plane := dst[c*area : (c+1)*area]
		for i := range plane {
			plane[i] = (img.Deep[i*img.C+c] - mean) / std
		}
	}
}

// levels is the normalised value of each level of each channel.
type levels struct {
	of     [3][256]float32
	divide bool // see divides
}

// tables holds the levels of each Normalize in use: there are as many as data sets in the process.
var tables sync.Map // [2][3]float32 (mean, std) -> *levels

// table returns the normalised levels.
func (n Normalize) table() *levels {
	key := [2][3]float32{[3]float32(n.Mean), [3]float32(n.Std)}
	if t, ok := tables.Load(key); ok {
		return t.(*levels)
	}
	t := new(levels)
	for c := range t.of {
		for v := range t.of[c] {
			t.of[c][v] = (float32(v)/255 - n.Mean[c]) / n.Std[c]
		}
	}
	t.divide = divides(key, &t.of)
	tables.Store(key, t)
	return t
}
