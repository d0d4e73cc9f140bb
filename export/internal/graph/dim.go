// SPDX-License-Identifier: Apache-2.0

package graph

import "fmt"

// Dim is one size of a tensor. It is a number, or an expression of the input's N, H and W.
type Dim struct {
	Size int // the number; of an expression, its value for the example of [Example]
	// Text is the expression, in Python's notation with FloorDiv(a, b) for a quotient rounded down; "" for a number.
	Text string
}

// The symbols of expressions: images in a batch, and the height and width of an image.
const (
	N = "N"
	H = "H"
	W = "W"
)

// Example is the number of images in the input for which [Dim.Size] gives the value of an expression. The height and
// the width of these images are those of the encoder.
const Example = 3

func fixed(sizes ...int) []Dim {
	dims := make([]Dim, len(sizes))
	for i, n := range sizes {
		dims[i] = Dim{Size: n}
	}
	return dims
}

// Fixed reports whether d is a number.
func (d Dim) Fixed() bool { return d.Text == "" }

func (d Dim) String() string {
	if d.Fixed() {
		return fmt.Sprint(d.Size)
	}
	return d.Text
}

// Times returns d·e.
func (d Dim) Times(e Dim) Dim {
	switch {
	case d.Fixed() && e.Fixed():
		return Dim{Size: d.Size * e.Size}
	case d.Fixed() && d.Size == 1:
		return e
	case e.Fixed() && e.Size == 1:
		return d
	}
	return Dim{d.Size * e.Size, fmt.Sprintf("(%s)*(%s)", d, e)}
}

// plus returns d + n.
func (d Dim) plus(n int) Dim {
	switch {
	case d.Fixed():
		return Dim{Size: d.Size + n}
	case n == 0:
		return d
	}
	return Dim{d.Size + n, fmt.Sprintf("%s + %d", d, n)}
}

// over returns d/n rounded down.
func (d Dim) over(n int) Dim {
	switch {
	case d.Fixed():
		return Dim{Size: d.Size / n}
	case n == 1:
		return d
	}
	return Dim{d.Size / n, fmt.Sprintf("FloorDiv(%s, %d)", d, n)}
}

// window returns the number of positions of a window of the given size over d, padded on both sides.
func (d Dim) window(size, stride, padding int) Dim {
	return d.plus(2*padding - size).over(stride).plus(1)
}
