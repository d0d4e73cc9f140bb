// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// asked is what --as says of an architecture.
type asked struct {
	name  string // of the backbone, such as "vit_small"
	patch int    // 0: as in the file
	size  int    // side of the images in pixels, 0: as in the file
	half  bool   // images are normalised with a mean and a deviation of 0.5, as those of timm's ViTs from Google
}

// The names of ViTs: timm's vit_small_patch16_224 and deit_small_patch16_224, DINO's dino_vits16, torchvision's
// vit_b_16.
var (
	timmViT   = regexp.MustCompile(`^(?:vit|deit)_(tiny|small|base)(?:_patch(\d{1,2}))?(?:_(\d{2,4}))?$`)
	letterViT = regexp.MustCompile(`^(?:dino_)?(?:vit|deit)_?([tsb])_?(\d{1,2})$`)
)

// parseName understands the backbones' own names, and those of torchvision and timm, with or without timm's tag of the
// weights: "resnet50.tv_in1k".
func parseName(text string) (a asked, err error) {
	name, tag, _ := strings.Cut(strings.ToLower(text), ".")
	a.half = strings.HasPrefix(tag, "augreg") || strings.HasPrefix(tag, "orig")
	if m := timmViT.FindStringSubmatch(name); m != nil {
		a.name = "vit_" + m[1]
		a.patch, _ = strconv.Atoi(m[2])
		a.size, _ = strconv.Atoi(m[3])
		return a, nil
	}
	if m := letterViT.FindStringSubmatch(name); m != nil {
		a.name = map[string]string{"t": "vit_tiny", "s": "vit_small", "b": "vit_base"}[m[1]]
		a.patch, _ = strconv.Atoi(m[2])
		return a, nil
	}
	name = strings.ReplaceAll(name, "-", "")
	if _, err := backbone.Find(name); err == nil {
		a.name = name
		return a, nil
	}
	var names []string
	for _, e := range backbone.All {
		names = append(names, e.Name)
	}
	return a, fmt.Errorf("unknown architecture %q: did you mean %q? (Parallax has %s; names of torchvision and timm, "+
		"such as vit_b_16 and vit_small_patch16_224, are understood)", text, spelling.Nearest(name, names),
		strings.Join(names, ", "))
}

// shape is what the tensors of a network say of it.
type shape struct {
	name   string // of the backbone
	width  int
	stem   backbone.Stem
	size   int // of the images; a ResNet takes any, and this is the usual one
	family string
}

// shapeOf finds a network's architecture by its tensors.
func shapeOf(n network, tensors []tensor, family string) (s shape, err error) {
	s.family = family
	size := func(name string, axis int) int {
		if i, ok := n.tensors[name]; ok && axis < len(tensors[i].shape) {
			return tensors[i].shape[axis]
		}
		return 0
	}
	switch n.kind {
	case wideResNet:
		s.name, s.width, s.stem, s.size = "wrn28", size("block1.layer.0.conv1.weight", 0), backbone.Small, 32
	case resNet:
		blocks := n.blocks("layer%d.", 1)
		_, bottlenecks := n.tensors["layer1.0.conv3.weight"]
		depth, ok := backbone.ResNetOf(blocks, bottlenecks)
		if !ok {
			return s, fmt.Errorf("it is a ResNet with %v blocks in its stages, which Parallax does not have", blocks)
		}
		s.name, s.width = fmt.Sprintf("resnet%d", depth), size("conv1.weight", 0)
		switch kernel := size("conv1.weight", 2); {
		case kernel == 7:
			s.stem, s.size = backbone.ImageNet, 224
		case kernel == 3 && family == soloLearn:
			s.stem, s.size = backbone.Padded, 32
		case kernel == 3:
			s.stem, s.size = backbone.Small, 32
		default:
			return s, fmt.Errorf("its first convolution is of %d x %d pixels: a ResNet of Parallax has 7 x 7 or 3 x 3",
				kernel, kernel)
		}
	case viT:
		return s, s.viT(n, size)
	}
	return s, nil
}

// blocks counts the blocks of the stages "layer1.0.", "layer1.1.", ...
func (n network) blocks(format string, from int) (counts []int) {
	for stage := from; ; stage++ {
		count := 0
		for has := true; has; count++ {
			_, has = n.tensors[fmt.Sprintf(format+"%d.conv1.weight", stage, count)]
		}
		if count == 1 {
			return counts
		}
		counts = append(counts, count-1)
	}
}

// viT completes the shape of a vision transformer.
func (s *shape) viT(n network, size func(string, int) int) error {
	features, patch := size("patch_embed.proj.weight", 0), size("patch_embed.proj.weight", 2)
	depth := 0
	for has := true; has; depth++ {
		_, has = n.tensors[fmt.Sprintf("blocks.%d.attn.proj.weight", depth)]
	}
	depth--
	var heads int
	switch {
	case features == 384 && s.family == mocoV3: // its ViT-S has 12 heads instead of 6 (moco-v3/vits.py)
		s.name, heads = "vit_base", 12
	default:
		for name, h := range map[string]int{"vit_tiny": 3, "vit_small": 6, "vit_base": 12} {
			if features == 64*h {
				s.name, heads = name, h
			}
		}
	}
	if heads == 0 || depth != 12 {
		return fmt.Errorf("it is a ViT with %d blocks and %d features: those of Parallax have 12 blocks and 192, 384 "+
			"or 768 features", depth, features)
	}
	grid := side(size("pos_embed", 1))
	if grid == 0 || patch < 1 {
		return errors.New("it is a ViT without the positions of a square grid of patches")
	}
	s.width, s.stem, s.size = features/heads, backbone.Stem("patch"+strconv.Itoa(patch)), grid*patch
	return nil
}

// side returns the side of the square grid of patches to which so many positions belong, with or without one of a class
// token; 0 if there is none.
func side(tokens int) int {
	for grid := 1; grid <= 256; grid++ {
		if tokens == grid*grid || tokens == grid*grid+1 {
			return grid
		}
	}
	return 0
}

// fits refuses a network that is not the one that was asked for.
func (s shape) fits(a asked) error {
	same := a.name == s.name || a.name == "vit_small" && s.family == mocoV3 && s.name == "vit_base"
	if same && (a.patch == 0 || s.stem == backbone.Stem("patch"+strconv.Itoa(a.patch))) {
		return nil
	}
	want := a.name
	if a.patch > 0 {
		want += fmt.Sprintf(" with patches of %d pixels", a.patch)
	}
	return fmt.Errorf("its tensors are not those of %s: they match %s, so import it as that", want, s)
}

// String names the architecture as --as takes it.
func (s shape) String() string {
	if patch, ok := strings.CutPrefix(string(s.stem), "patch"); ok {
		return fmt.Sprintf("%s_patch%s_%d", s.name, patch, s.size)
	}
	return s.name
}

// stems are the stems that an import may be told.
var stems = []backbone.Stem{backbone.ImageNet, backbone.Small, backbone.Strided, backbone.Padded}

// spec completes the network's description by the options.
func (s shape) spec(a asked, o *Options) (spec backbone.Spec, err error) {
	e, err := backbone.Find(s.name)
	if err != nil {
		return spec, err
	}
	spec = backbone.Spec{Name: s.name, Width: s.width, Stem: s.stem, Norm: e.Norm, Size: cmp.Or(o.Size, a.size, s.size)}
	if spec.Size < 8 || spec.Size > 4096 {
		return spec, fmt.Errorf("the size is %d: want 8 to 4096 pixels", spec.Size)
	}
	if o.Stem != "" {
		if strings.HasPrefix(string(s.stem), "patch") {
			return spec, fmt.Errorf("stem %q: that of a ViT is the size of its patches, %s", o.Stem, s.stem)
		}
		if !slices.Contains(stems, backbone.Stem(o.Stem)) {
			return spec, fmt.Errorf("stem %q: it must be one of %v", o.Stem, stems)
		}
		if (o.Stem == string(backbone.ImageNet)) != (s.stem == backbone.ImageNet) {
			return spec, fmt.Errorf("stem %q: the file's first convolution is that of %q", o.Stem, s.stem)
		}
		spec.Stem = backbone.Stem(o.Stem)
	}
	return spec, nil
}
