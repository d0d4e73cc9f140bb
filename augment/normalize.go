// SPDX-License-Identifier: Apache-2.0

package augment

import "sync"

// Normalize is the statistics of a data set, one of each channel: of R, G and B for levels scaled to [0, 1].
type Normalize struct {
	Mean, Std []float32
}

// CHW writes (v/255 - mean) / std for every pixel of img into dst as planes: all of R, then G, then B, each by rows.
// Each of the three steps is rounded to float32, as torchvision's ToTensor and Normalize do. len(dst) must be 3*W*H or
// more.
func (n Normalize) CHW(dst []float32, img *Image) {
	t := n.table()
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

// tables holds one table per Normalize in use: there are as many as data sets in the process.
var tables sync.Map // [2][3]float32 (mean, std) -> *[3][256]float32

// table returns the normalised value of each level of each channel.
func (n Normalize) table() *[3][256]float32 {
	key := [2][3]float32{[3]float32(n.Mean), [3]float32(n.Std)}
	if t, ok := tables.Load(key); ok {
		return t.(*[3][256]float32)
	}
	t := new([3][256]float32)
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v)/255 - n.Mean[c]) / n.Std[c]
		}
	}
	tables.Store(key, t)
	return t
}
