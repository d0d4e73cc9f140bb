// SPDX-License-Identifier: Apache-2.0

// Package views runs the augmentation cases of the oracle files: it compares our images with those of Pillow and
// torchvision. It is separate from its parent package so that package augment can be tested without the engine.
package views

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
)

// params is the union of the parameters of all ops of an augmentation manifest.
type params struct {
	PreCrop *struct{ X, Y, W, H int } `json:"pre_crop"` // cut out before the op

	X, Y, W, H    int
	OutW          int `json:"out_w"`
	OutH          int `json:"out_h"`
	Interpolation augment.Interpolation
	Size          int
	Factor        float64
	Threshold     *float64
	Sigma         float64
	Passes        *int
	Kernel        int
	Padding       string
	Channels      *int

	// Of a whole view.
	Out                                   int
	Order                                 []int
	Legend                                []string `json:"order_legend"` // what the numbers of Order stand for
	Brightness, Contrast, Saturation, Hue float64
	Grayscale, Solarize, HFlip            bool
	Mean, Std                             [3]float32
}

// A Case is one entry of an augmentation manifest.
type Case struct {
	Name, Op, Input, Backend, Output string
	Params                           params
	Tolerance                        float64

	dir    string
	broken error // why the entry could not be decoded
}

// ID names the case: an op with its parameters, an input and a backend.
func (c *Case) ID() string { return c.Name + "/" + c.Input + "/" + c.Backend }

// reference are the backends that are only for comparison: torchvision's tensor kernels and an older Pillow.
var reference = []string{"tensor_u8", "tensor_f32", "pil_hfirst"}

// Cases reads the cases of dir/manifest.json, without those of the reference backends.
func Cases(dir string) ([]*Case, error) {
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var manifest struct{ Cases []json.RawMessage }
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var cases []*Case
	for _, raw := range manifest.Cases {
		c := &Case{dir: dir}
		c.broken = json.Unmarshal(raw, c)
		if !slices.Contains(reference, c.Backend) {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// Run runs the case. skip says why the case does not apply here; err says how the values differ or what failed.
func (c *Case) Run() (skip string, err error) {
	// A case of an unexpected form must not stop the others.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("running the case: panic: %v", r)
		}
	}()
	if c.Backend != "pil" && c.Backend != "pil_normalized_f32" {
		return fmt.Sprintf("backend %q is not known here", c.Backend), nil
	}
	drawn, skip := c.drawn()
	if skip != "" {
		return skip, nil
	}
	if c.broken != nil {
		return "", fmt.Errorf("reading the case: %w", c.broken)
	}
	img, err := readPNG(filepath.Join(c.dir, c.Input))
	if err != nil {
		return "", err
	}
	want, err := readNPY(filepath.Join(c.dir, c.Output))
	if err != nil {
		return "", err
	}
	if p := c.Params.PreCrop; p != nil {
		img = augment.Crop{X: p.X, Y: p.Y, W: p.W, H: p.H, OutW: p.W, OutH: p.H}.Apply(img)
	}
	got := augment.Replay(img, drawn(img.W, img.H))
	if c.Backend == "pil" {
		return "", c.compareLevels(got, want)
	}
	return "", c.compareFloats(got, want)
}

// drawn returns the case's operations for an image of w by h pixels, or why it has none.
func (c *Case) drawn() (drawn func(w, h int) []augment.Drawn, skip string) {
	p := &c.Params
	threshold := 128
	if p.Threshold != nil {
		threshold = int(math.Ceil(*p.Threshold)) // a level is below a number if it is below the next whole one
	}
	switch {
	case p.Interpolation != "" && p.Interpolation != augment.Bilinear && p.Interpolation != augment.Bicubic:
		return nil, fmt.Sprintf("interpolation %q is not built", p.Interpolation)
	case p.Padding != "" && p.Padding != "reflect":
		return nil, fmt.Sprintf("padding %q is not built", p.Padding)
	case p.Channels != nil && *p.Channels != 3:
		return nil, fmt.Sprintf("op %s to %d channels: only 3 are built", c.Op, *p.Channels)
	}
	one := func(d augment.Drawn) (func(w, h int) []augment.Drawn, string) {
		return func(int, int) []augment.Drawn { return []augment.Drawn{d} }, ""
	}
	op := func(op augment.Op) (func(w, h int) []augment.Drawn, string) {
		return func(w, h int) []augment.Drawn { return []augment.Drawn{op.Draw(w, h, nil)} }, ""
	}
	switch c.Op {
	case "resized_crop":
		return one(augment.Crop{X: p.X, Y: p.Y, W: p.W, H: p.H, OutW: p.OutW, OutH: p.OutH,
			Interpolation: p.Interpolation})
	case "resize":
		return op(augment.Resize{Size: p.Size, Interpolation: p.Interpolation})
	case "center_crop":
		return op(augment.CenterCrop{Size: p.Size})
	case "hflip", "horizontal_flip":
		return one(augment.Flip{})
	case "vflip", "vertical_flip":
		return one(augment.Flip{Vertical: true})
	case "brightness":
		return one(augment.Brightness{Factor: p.Factor})
	case "contrast":
		return one(augment.Contrast{Factor: p.Factor})
	case "saturation":
		return one(augment.Saturation{Factor: p.Factor})
	case "hue":
		return one(augment.Hue{Shift: p.Factor})
	case "grayscale":
		return one(augment.Gray{})
	case "solarize":
		return one(augment.Inversion{Threshold: threshold})
	case "equalize":
		return one(augment.Equalization{})
	case "gaussian_blur":
		return one(augment.GaussianKernel{Kernel: p.Kernel, Sigma: p.Sigma})
	case "pil_gaussian_blur":
		if p.Passes != nil && *p.Passes != 3 {
			return nil, fmt.Sprintf("op pil_gaussian_blur with %d passes: only Pillow's 3 are built", *p.Passes)
		}
		return one(augment.BoxBlur{Sigma: p.Sigma})
	case "normalize":
		return func(int, int) []augment.Drawn { return nil }, ""
	case "view":
		drawn, unknown := p.view(threshold)
		return func(int, int) []augment.Drawn { return drawn }, unknown
	}
	return nil, fmt.Sprintf("op %q is not known here", c.Op)
}

// view returns the operations of a whole view, in solo-learn's order, or an unknown name in Order.
func (p *params) view(threshold int) (drawn []augment.Drawn, unknown string) {
	width, height := p.OutW, p.OutH
	if p.Out != 0 {
		width, height = p.Out, p.Out
	}
	drawn = []augment.Drawn{augment.Crop{X: p.X, Y: p.Y, W: p.W, H: p.H, OutW: width, OutH: height,
		Interpolation: p.Interpolation}}
	legend := p.Legend
	if legend == nil {
		legend = []string{"brightness", "contrast", "saturation", "hue"} // torchvision's
	}
	for _, k := range p.Order {
		if k < 0 || k >= len(legend) {
			return nil, fmt.Sprintf("number %d of the order has no name in the legend %v", k, legend)
		}
		switch legend[k] {
		case "brightness":
			drawn = append(drawn, augment.Brightness{Factor: p.Brightness})
		case "contrast":
			drawn = append(drawn, augment.Contrast{Factor: p.Contrast})
		case "saturation":
			drawn = append(drawn, augment.Saturation{Factor: p.Saturation})
		case "hue":
			drawn = append(drawn, augment.Hue{Shift: p.Hue})
		default:
			return nil, fmt.Sprintf("%q of the order is not known here", legend[k])
		}
	}
	if p.Grayscale {
		drawn = append(drawn, augment.Gray{})
	}
	if p.Sigma > 0 {
		drawn = append(drawn, augment.BoxBlur{Sigma: p.Sigma})
	}
	if p.Solarize {
		drawn = append(drawn, augment.Inversion{Threshold: threshold})
	}
	if p.HFlip {
		drawn = append(drawn, augment.Flip{})
	}
	return drawn, ""
}

// compareLevels compares an image with rows of 8-bit RGB.
func (c *Case) compareLevels(got *augment.Image, want *array) error {
	if s := want.Shape; want.U8 == nil || len(s) != 3 || s[0] != got.H || s[1] != got.W || s[2] != 3 {
		return fmt.Errorf("got %d rows of %d pixels, want an array of shape %v (uint8: %t)", got.H, got.W, s,
			want.U8 != nil)
	}
	worst, at, differ := 0.0, 0, 0
	for i, v := range got.Pix {
		d := math.Abs(float64(v) - float64(want.U8[i]))
		if d > c.Tolerance {
			differ++
		}
		if d > worst {
			worst, at = d, i
		}
	}
	if differ > 0 {
		x, y := at/3%got.W, at/3/got.W
		return fmt.Errorf("%d of %d levels differ by more than %g; the worst, channel %d of pixel (%d, %d), is %d "+
			"and should be %d",
			differ, len(got.Pix), c.Tolerance, at%3, x, y, got.Pix[at], want.U8[at])
	}
	return nil
}

// compareFloats compares a normalised image with planes of float32.
func (c *Case) compareFloats(img *augment.Image, want *array) error {
	if s := want.Shape; want.F32 == nil || len(s) != 3 || s[0] != 3 || s[1] != img.H || s[2] != img.W {
		return fmt.Errorf("got 3 planes of %d by %d, want an array of shape %v (float32: %t)", img.H, img.W, s,
			want.F32 != nil)
	}
	got := make([]float32, len(img.Pix))
	augment.Normalize{Mean: c.Params.Mean[:], Std: c.Params.Std[:]}.CHW(got, img)
	for i, v := range got {
		if d := math.Abs(float64(v) - float64(want.F32[i])); !(d <= c.Tolerance) {
			return fmt.Errorf("value %d is %v and should be %v: more than %g apart", i, v, want.F32[i], c.Tolerance)
		}
	}
	return nil
}

// readPNG reads an image as 8-bit RGB; alpha is dropped.
func readPNG(path string) (*augment.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := png.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return toRGB(src), nil
}

// toRGB converts a decoded image.
func toRGB(src image.Image) *augment.Image {
	b := src.Bounds()
	dst := augment.NewImage(b.Dx(), b.Dy())
	for y := range dst.H {
		for x := range dst.W {
			p := color.NRGBAModel.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			copy(dst.Pix[3*(y*dst.W+x):], []uint8{p.R, p.G, p.B})
		}
	}
	return dst
}
