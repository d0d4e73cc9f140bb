// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// encoderFile writes an encoder.safetensors of a network with weights and statistics that are not those of a new one.
func encoderFile(t testing.TB, s backbone.Spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), run.EncoderFile)
	err := torch.Scope(func() error {
		body, err := s.New()
		if err != nil {
			return err
		}
		p := nn.NewParams(3, torch.F32)
		defer p.Free()
		layer := body.Build(p)
		r := rand.New(rand.NewPCG(5, 6))
		values := make([]float32, 4*3*s.Size*s.Size)
		for i := range values {
			values[i] = float32(r.NormFloat64() + 0.3)
		}
		torch.NoGrad(func() { layer.Forward(torch.FromFloat32(values, 4, 3, s.Size, s.Size)) }) // moves the statistics
		about := checkpoint.Encoder{Architecture: s.Name, Width: s.Width, Stem: string(s.Stem), Norm: s.Norm.String(),
			Features: body.Features(), Size: s.Size, Method: "simclr", Mean: []float64{0.5, 0.4, 0.3},
			Std: []float64{0.2, 0.3, 0.25}}
		return run.WriteFile(path, func(w io.Writer) error { return nn.WriteStates(w, p.State(), about.Metadata()) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// specs are networks of each kind, stem and norm, as small as they go.
func specs() []backbone.Spec {
	all := []backbone.Spec{
		{Name: "resnet18", Width: 4, Stem: backbone.ImageNet, Size: 64},
		{Name: "resnet8", Width: 4, Stem: backbone.Strided, Size: 16},
		{Name: "resnet50", Width: 2, Stem: backbone.Small, Size: 16},
		{Name: "wrn28", Width: 4, Stem: backbone.Small, Size: 16},
		{Name: "vit_tiny", Width: 4, Stem: "patch4", Size: 16, Norm: nn.LayerStatistics},
	}
	for _, norm := range []nn.Norm{nn.GroupStatistics, nn.LayerStatistics, nn.NoStatistics, nn.FirstStatistics} {
		all = append(all, backbone.Spec{Name: "resnet8", Width: 32, Stem: backbone.Small, Size: 16, Norm: norm})
	}
	return all
}

// deep reports whether a network has many layers, so that its exports take time.
func deep(s backbone.Spec) bool { return s.Name == "resnet50" || s.Name == "wrn28" }

// Every network has the same features in every format.
func TestEveryNetwork(t *testing.T) {
	for _, s := range specs() {
		t.Run(fmt.Sprintf("%s-%s-%s", s.Name, s.Stem, s.Norm), func(t *testing.T) {
			path := encoderFile(t, s)
			for _, f := range Formats() {
				for _, r := range []Request{{}, {Preprocess: true}, {Half: true}} {
					if f == Safetensors && r.Preprocess || deep(s) && (r.Preprocess || r.Half) {
						continue
					}
					r.Run, r.Format, r.Data, r.Threads = path, f, "synthetic:9", 1
					r.Out = filepath.Join(t.TempDir(), "out."+string(f))
					result, err := Write(context.Background(), r)
					if err != nil {
						t.Error(err)
						continue
					}
					if len(result.Comparisons) != 6 {
						t.Errorf("%s: %d comparisons, want 6", f, len(result.Comparisons))
					}
					alive(t, result)
					if d := result.Comparisons[2].Difference; r.Half && d == 0 {
						t.Errorf("%s: float16 has no difference to float32", f)
					}
				}
			}
		})
	}
}

// alive checks that the comparison was one of features that are not all zero.
func alive(t *testing.T, r *Result) {
	t.Helper()
	for _, c := range r.Comparisons {
		if c.Greatest < 1e-3 {
			t.Errorf("%s: the greatest feature is %g", r.Path, c.Greatest)
		}
	}
}

// Every opset of ONNX computes the same.
func TestOpsets(t *testing.T) {
	s := backbone.Spec{Name: "vit_tiny", Width: 4, Stem: "patch4", Size: 16, Norm: nn.LayerStatistics}
	path := encoderFile(t, s)
	for opset := LeastOpset; opset <= MostOpset; opset++ {
		r, err := Write(context.Background(), Request{Run: path, Out: filepath.Join(t.TempDir(), "out.onnx"),
			Opset: opset, Data: "synthetic:9", Threads: 1})
		if err != nil {
			t.Errorf("opset %d: %v", opset, err)
		} else if r.Card.Opset != opset {
			t.Errorf("the card has opset %d, want %d", r.Card.Opset, opset)
		}
	}
}

// A file whose features are not those of the encoder is not left: here its weights are changed before the comparison.
func TestDiffers(t *testing.T) {
	path := encoderFile(t, backbone.Spec{Name: "resnet8", Width: 4, Stem: backbone.Small, Size: 16})
	for _, f := range Formats() {
		dir := t.TempDir()
		r := Request{Run: path, Format: f, Out: filepath.Join(dir, "out"), Data: "synthetic:9", Threads: 1}
		r.damage = func(states []nn.State) {
			for _, s := range states {
				if s.Name == "layer2.0.conv1.weight" {
					s.Bytes[3] ^= 0x80 // the sign of one weight
				}
			}
		}
		_, err := Write(context.Background(), r)
		if !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v, want %v", f, err, ErrDiffers)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left %v", f, left)
		}
	}
}

func TestRefused(t *testing.T) {
	path := encoderFile(t, backbone.Spec{Name: "resnet8", Width: 4, Stem: backbone.Small, Size: 16})
	there := filepath.Join(t.TempDir(), "there.onnx")
	if err := os.WriteFile(there, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Run: path}, "the file to write"},
		{Request{Run: path, Out: out}, "does not say which format"},
		{Request{Run: path, Out: out, Format: "gguf"}, "there is no format"},
		{Request{Run: path, Out: out, Format: Safetensors, Preprocess: true}, "no pre-processing"},
		{Request{Run: path, Out: out, Format: PT2, Opset: 18}, "only onnx has"},
		{Request{Run: path, Out: out, Format: ONNX, Opset: 16}, "from 17 to 23"},
		{Request{Run: path, Out: there}, "exists"},
		{Request{Run: path, Out: filepath.Dir(there), Format: ONNX}, "is no file"},
		{Request{Run: path, Out: out, Format: ONNX}, "--data"},
		{Request{Run: path, Out: out, Format: ONNX, Threads: -1}, "threads"},
		{Request{Run: there, Out: out, Format: ONNX}, "there.onnx"},
		{Request{Run: path, Out: filepath.Join(out, "no", "x.onnx"), Data: "synthetic:9"}, "no such file"},
	} {
		_, err := Write(context.Background(), c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want an error with %q", c.r, err, c.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %q has several lines", c.r, err)
		}
	}
	if text, _ := os.ReadFile(there); string(text) != "mine" {
		t.Error("a file that exists was replaced")
	}
}

// The card has what the run's directory says, and no folders of the user. Equal exports have equal bytes.
func TestCard(t *testing.T) {
	path := encoderFile(t, backbone.Spec{Name: "resnet8", Width: 4, Stem: backbone.Small, Size: 16})
	for _, f := range Formats() {
		dir := t.TempDir()
		r := Request{Run: path, Format: f, Out: filepath.Join(dir, "a"), Card: filepath.Join(dir, "card.md"),
			License: "CC-BY-4.0", Data: "synthetic:9", Threads: 1}
		result, err := Write(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(r.Card)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"CC-BY-4.0", "resnet8", "simclr", result.Card.Module, "[0.5 0.4 0.3]"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: the page lacks %q", f, want)
			}
		}
		first, err := os.ReadFile(r.Out)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(first), "CC-BY-4.0") {
			t.Errorf("%s: the file has no card", f)
		}
		r.Force = true
		if _, err := Write(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if second, _ := os.ReadFile(r.Out); !slices.Equal(first, second) {
			t.Errorf("%s: the second export has other bytes", f)
		}
	}
	settings := "# The data.\ndata:\n  path: /data/mine/photos   # config /data/mine/x.yaml:3\n"
	if got := public(settings, "/data/mine/photos"); got != "# The data.\ndata:\n  path: photos" {
		t.Errorf("public: %q", got)
	}
}
