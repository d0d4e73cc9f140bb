// SPDX-License-Identifier: Apache-2.0

package backbone_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a Scope with a fresh tree of float32 parameters. f runs on libtorch's goroutine, where t.Fatal must not
// be called.
func in(t *testing.T, f func(p *nn.Params) error) {
	t.Helper()
	err := torch.Scope(func() error {
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		return f(p)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStateDictsAreTorchvisions(t *testing.T) {
	for _, name := range []string{"resnet18", "resnet34", "resnet50"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			_, list, _ := strings.Cut(strings.TrimSpace(string(text)), "\n") // the first line says where it is from
			want := strings.Split(list, "\n")
			in(t, func(p *nn.Params) error {
				b, err := backbone.New(name, 64, backbone.ImageNet)
				if err != nil {
					return err
				}
				b.Build(p.Sub("backbone"))
				all := p.Sub("backbone").All()
				if len(all) != len(want) {
					t.Errorf("%d tensors, torchvision has %d", len(all), len(want))
				}
				for i := range min(len(all), len(want)) {
					got := strings.TrimSpace(p.Sub("backbone").Local(all[i]) + " " +
						strings.Trim(fmt.Sprint(all[i].Tensor.Shape()), "[]"))
					if got != want[i] {
						return fmt.Errorf("tensor %d is %q, torchvision's is %q", i, got, want[i])
					}
				}
				return nil
			})
		})
	}
}

func TestFeaturesAndStages(t *testing.T) {
	for _, c := range []struct {
		name     string
		stem     backbone.Stem
		size     int
		features int
	}{
		{"resnet18", backbone.Small, 32, 64},
		{"resnet34", backbone.ImageNet, 64, 64},
		{"resnet50", backbone.Small, 17, 256},
		{"resnet50", backbone.ImageNet, 33, 256},
		{"resnet8", backbone.Strided, 28, 32},
		{"resnet20", backbone.Small, 32, 32},
	} {
		in(t, func(p *nn.Params) error {
			b, err := backbone.New(c.name, 8, c.stem)
			if err != nil {
				return err
			}
			h := b.Build(p).Forward(torch.Ones(torch.F32, 2, 3, c.size, c.size).ChannelsLast())
			if got := fmt.Sprint(h.Shape()); got != fmt.Sprintf("[2 %d]", c.features) || b.Features() != c.features {
				t.Errorf("%s with the stem %s: h has shape %s and Features() is %d, want 2 x %d", c.name, c.stem, got,
					b.Features(), c.features)
			}
			return nil
		})
	}
}

// TestInitialisation checks that the standard deviation of a convolution is √(2/fan_out). 36,864 values give it to
// 0.4 %.
func TestInitialisation(t *testing.T) {
	in(t, func(p *nn.Params) error {
		backbone.ResNet{Depth: 18, Width: 64, Stem: backbone.Small}.Build(p)
		w, _ := p.Get("layer1.0.conv1.weight")
		if got, want := math.Sqrt(w.Var(1).Item()), math.Sqrt(2.0/(64*9)); math.Abs(got/want-1) > 0.02 {
			t.Errorf("the weights have the standard deviation %.5f, want %.5f", got, want)
		}
		gamma, _ := p.Get("layer1.0.bn2.weight")
		if got := gamma.Sum().Item(); got != 64 {
			t.Errorf("the weights of bn2 sum to %v, want 64 ones", got)
		}
		return nil
	})
}

// TestZeroInit checks that every block starts as the identity: if the shortcut is the identity, h does not depend on
// the block's weights.
func TestZeroInit(t *testing.T) {
	for depth, last := range map[int]string{18: "bn2", 50: "bn3"} {
		in(t, func(p *nn.Params) error {
			backbone.ResNet{Depth: depth, Width: 4, Stem: backbone.Small, ZeroInit: true}.Build(p)
			for _, n := range p.All() {
				if !strings.HasSuffix(n.Name, ".weight") || len(n.Tensor.Shape()) != 1 {
					continue
				}
				want := 1.0
				if strings.HasSuffix(n.Name, "."+last+".weight") {
					want = 0
				}
				if got := n.Tensor.Mean().Item(); got != want {
					t.Errorf("depth %d: %s starts at %v, want %v", depth, n.Name, got, want)
				}
			}
			return nil
		})
	}
}

// A Spec passes ZeroInit on to a ResNet; a network without a norm at the end of its blocks starts as always.
func TestZeroInitOfASpec(t *testing.T) {
	for name, want := range map[string]int{"resnet8": 3, "wrn28": 0} {
		e, err := backbone.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		body, err := backbone.Spec{Name: name, Width: 4, Stem: e.Stem(32), Norm: e.Norm, ZeroInit: true, Size: 32}.New()
		if err != nil {
			t.Fatal(err)
		}
		in(t, func(p *nn.Params) error {
			body.Build(p)
			zeros := 0
			for _, n := range p.All() {
				if strings.HasSuffix(n.Name, ".weight") && n.Tensor.Abs().Max().Item() == 0 {
					zeros++
				}
			}
			if zeros != want {
				t.Errorf("%s: %d weights start at 0, want %d", name, zeros, want)
			}
			return nil
		})
	}
}

// Every norm replaces batch norm, under its name; only batch norm uses the other images of the batch.
func TestNorms(t *testing.T) {
	for norm, want := range map[nn.Norm]int{ // tensors in each place
		nn.BatchStatistics: 5, nn.GroupStatistics: 2, nn.LayerStatistics: 2, nn.NoStatistics: 2, nn.FirstStatistics: 3,
	} {
		in(t, func(p *nn.Params) error {
			b, err := backbone.Spec{Name: "resnet18", Width: 16, Stem: backbone.Small, Norm: norm}.New()
			if err != nil {
				return err
			}
			layer := b.Build(p)
			if got := len(p.Sub("layer1.0.bn1").All()); got != want {
				t.Errorf("%v: layer1.0.bn1 has %d tensors, want %d", norm, got, want)
			}
			x := torch.FromFloat64(wave(4*3*16*16), 4, 3, 16, 16).To(torch.F32)
			h := layer.Forward(x)
			alone := layer.Forward(x.Narrow(0, 0, 2)).Sub(h.Narrow(0, 0, 2)).Abs().Max().Item() / h.Abs().Max().Item()
			if depends := alone > 1e-4; depends != (norm == nn.BatchStatistics) {
				t.Errorf("%v: without the other images h changes by %g of its largest value", norm, alone)
			}
			return nil
		})
	}
}

// wave is n values without symmetries.
func wave(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Sin(0.3 + 0.7*float64(i) + 0.011*float64(i%997*(i%991)))
	}
	return values
}

func TestNoTensorIsLeaked(t *testing.T) {
	var before, after int
	in(t, func(*nn.Params) error { before = torch.Live(); return nil })
	in(t, func(p *nn.Params) error {
		backbone.ResNet{Depth: 18, Width: 4, Stem: backbone.Small}.Build(p).Forward(torch.Ones(torch.F32, 2, 3, 16,
			16)).Sum().Backward()
		return nil
	})
	in(t, func(*nn.Params) error { after = torch.Live(); return nil })
	if after != before {
		t.Errorf("%d tensors before and %d after", before, after)
	}
}

func TestStemFor(t *testing.T) {
	for size, want := range map[int]backbone.Stem{28: backbone.Small, 32: backbone.Small, 64: backbone.Small,
		65: backbone.ImageNet, 224: backbone.ImageNet} {
		if got := backbone.StemFor(size); got != want {
			t.Errorf("%d pixels get the stem %s, want %s", size, got, want)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		stem  backbone.Stem
		want  string
	}{
		{"resnet81", 64, backbone.Small, `did you mean "resnet8"? (the backbones are resnet8, resnet20, resnet18, resnet34, resnet50, resnet101, resnet152, wrn28, vit_tiny, vit_small, vit_base)`},
		{"ResNet-50", 64, backbone.Small, `"resnet50"`},
		{"resnet18", 0, backbone.Small, "between 1 and"},
		{"resnet18", 1 << 20, backbone.Small, "between 1 and"},
		{"resnet18", 64, "cifar", `must be "imagenet", "small", "strided" or "padded"`},
	} {
		_, err := backbone.New(c.name, c.width, c.stem)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("New(%q, %d, %q): %v, want one line with %q", c.name, c.width, c.stem, err, c.want)
		}
	}
}

func TestAnUnknownDepthFails(t *testing.T) {
	err := torch.Scope(func() error {
		backbone.ResNet{Depth: 21, Width: 8, Stem: backbone.Small}.Build(nn.NewParams(1, torch.F32))
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "depth 21") {
		t.Errorf("got %v", err)
	}
}
