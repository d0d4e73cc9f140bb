// SPDX-License-Identifier: Apache-2.0

package backbone_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// The first tensors have timm's names and shapes, and every block repeats those of the first block.
func TestViTStateDictIsTimms(t *testing.T) {
	in(t, func(p *nn.Params) error {
		backbone.ViT{Heads: 3, Width: 64, Patch: 16, Size: 224}.Build(p)
		want := []string{"cls_token [1 1 192]", "pos_embed [1 197 192]", "patch_embed.proj.weight [192 3 16 16]",
			"patch_embed.proj.bias [192]"}
		for i := range 12 {
			for _, s := range []string{"norm1.weight [192]", "norm1.bias [192]", "attn.qkv.weight [576 192]",
				"attn.qkv.bias [576]",
				"attn.proj.weight [192 192]", "attn.proj.bias [192]", "norm2.weight [192]", "norm2.bias [192]",
				"mlp.fc1.weight [768 192]", "mlp.fc1.bias [768]", "mlp.fc2.weight [192 768]", "mlp.fc2.bias [192]"} {
				want = append(want, fmt.Sprintf("blocks.%d.%s", i, s))
			}
		}
		want = append(want, "norm.weight [192]", "norm.bias [192]")
		var got []string
		for _, n := range p.All() {
			got = append(got, fmt.Sprint(n.Name, " ", n.Tensor.Shape()))
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("the tensors are\n%s", g)
		}
		return nil
	})
}

// The counts of timm, torchvision and the papers, minus the classifier: features x classes + classes.
func TestNumbersOfParameters(t *testing.T) {
	for _, c := range []struct {
		spec backbone.Spec
		want int
	}{
		{backbone.Spec{Name: "resnet101", Width: 64, Stem: backbone.ImageNet}, 44549160 - 2049*1000},
		{backbone.Spec{Name: "wrn28", Width: 32, Stem: backbone.Small}, 1467610 - 129*10},
		{backbone.Spec{Name: "vit_tiny", Width: 64, Stem: "patch16", Size: 224, Norm: nn.LayerStatistics},
			5717416 - 193*1000},
		{backbone.Spec{Name: "vit_small", Width: 64, Stem: "patch16", Size: 224, Norm: nn.LayerStatistics},
			22050664 - 385*1000},
	} {
		in(t, func(p *nn.Params) error {
			b, err := c.spec.New()
			if err != nil {
				return err
			}
			b.Build(p)
			got := 0
			for _, n := range p.All() {
				if !n.Buffer {
					got += n.Tensor.Len()
				}
			}
			if got != c.want {
				t.Errorf("%s has %d parameters, want %d", c.spec.Name, got, c.want)
			}
			return nil
		})
	}
}

// Crops of other sizes, square or not, get positions, too, and pass a gradient to the positions.
func TestViTTakesOtherSizes(t *testing.T) {
	in(t, func(p *nn.Params) error {
		v := backbone.ViT{Heads: 3, Width: 4, Patch: 4, Size: 32}
		layer := v.Build(p)
		for _, side := range []int{32, 16, 48} {
			h := layer.Forward(torch.FromFloat64(wave(2*3*side*side), 2, 3, side, side).To(torch.F32))
			if fmt.Sprint(h.Shape()) != "[2 12]" || h.IsFinite().Not().To(torch.F32).Sum().Item() != 0 {
				t.Errorf("%d pixels: h has shape %v", side, h.Shape())
			}
		}
		h := layer.Forward(torch.FromFloat64(wave(2*3*32*24), 2, 3, 32, 24).To(torch.F32))
		h.Sum().Backward()
		for _, n := range p.All() {
			if !n.Tensor.Grad().Defined() {
				t.Errorf("%s gets no gradient", n.Name)
			}
		}
		return nil
	})
}

func TestWideResNet(t *testing.T) {
	in(t, func(p *nn.Params) error {
		b, err := backbone.Spec{Name: "wrn28", Width: 16, Stem: backbone.Small}.New()
		if err != nil {
			return err
		}
		h := b.Build(p).Forward(torch.FromFloat64(wave(2*3*32*32), 2, 3, 32, 32).To(torch.F32))
		if got := fmt.Sprint(h.Shape()); got != "[2 64]" || b.Features() != 64 {
			t.Errorf("h has shape %s and Features() is %d", got, b.Features())
		}
		if h.Max().Item() == 0 {
			t.Error("h is 0")
		}
		if got, want := p.All()[1].Name, "block1.layer.0.bn1.weight"; got != want {
			t.Errorf("the second tensor is %s, want %s", got, want)
		}
		for name, exists := range map[string]bool{"block1.layer.0.convShortcut.weight": false,
			"block2.layer.0.convShortcut.weight": true, "block2.layer.1.convShortcut.weight": false} {
			if _, ok := p.Get(name); ok != exists { // 16 channels enter the first group, and leave it at this width
				t.Errorf("%s exists: %v", name, ok)
			}
		}
		return nil
	})
}

func TestPatchStem(t *testing.T) {
	for size, want := range map[int]backbone.Stem{224: "patch16", 160: "patch16", 112: "patch16", 96: "patch8",
		64: "patch8", 32: "patch4", 28: "patch4", 33: "patch1"} {
		if got := backbone.PatchStem(size); got != want {
			t.Errorf("%d pixels get %s, want %s", size, got, want)
		}
	}
}

func TestSpecsThatAreWrong(t *testing.T) {
	for want, s := range map[string]backbone.Spec{
		`must be patchN`:            {Name: "vit_tiny", Width: 64, Stem: backbone.Small, Size: 32, Norm: nn.LayerStatistics},
		`"patch4" does`:             {Name: "vit_tiny", Width: 64, Stem: "patch5", Size: 32, Norm: nn.LayerStatistics},
		`a ViT has "layer"`:         {Name: "vit_small", Width: 64, Stem: "patch4", Size: 32},
		`backbone.width is 0`:       {Name: "vit_small", Stem: "patch4", Size: 32},
		`of a ResNet it must be`:    {Name: "resnet18", Width: 64, Stem: "patch4"},
		`small images has "small"`:  {Name: "wrn28", Width: 32, Stem: backbone.ImageNet},
		`did you mean "vit_small"?`: {Name: "vit_smal", Width: 32},
	} {
		if _, err := s.New(); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want one line with %s", s, err, want)
		}
	}
}

// The initial weights of a ViT: none beyond two standard deviations of 0.02, which leaves 0.88 of that deviation.
func TestViTInitialisation(t *testing.T) {
	in(t, func(p *nn.Params) error {
		backbone.ViT{Heads: 3, Width: 16, Patch: 4, Size: 16}.Build(p)
		w, _ := p.Get("blocks.0.mlp.fc1.weight")
		if largest := w.Abs().Max().Item(); largest > 0.04 || largest < 0.039 {
			t.Errorf("the largest weight is %g", largest)
		}
		if got := math.Sqrt(w.Var(1).Item()); math.Abs(got/(0.02*0.8796)-1) > 0.03 {
			t.Errorf("the standard deviation is %g", got)
		}
		return nil
	})
}
