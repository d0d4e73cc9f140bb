// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"slices"
	"strings"
)

// family is a program whose checkpoints are known.
type family struct {
	name string
	// has tells a checkpoint by the keys of the file, all of them joined by newlines, and the prefix of the network.
	has func(keys, prefix string) bool
}

// The families whose networks differ from what their tensors show.
const (
	soloLearn = "solo-learn"
	mocoV3    = "MoCo v3"
)

// families are told from the most particular to the most general. What a family decides: solo-learn's stem for small
// images, and the heads of MoCo v3's ViT-S.
var families = []family{
	{"VISSL", containing("classy_state_dict", "_feature_blocks.")},
	{mocoV3, containing("base_encoder.")},
	{"MoCo", containing("encoder_q.")},
	{"lightly", func(keys, prefix string) bool { return strings.Contains(keys, "\n"+prefix+"4.0.conv1.weight\n") }},
	{soloLearn, func(keys, prefix string) bool {
		lightning := strings.Contains(keys, "\npytorch-lightning_version\n")
		return lightning && (prefix == "state_dict.backbone." || prefix == "state_dict.encoder." ||
			prefix == "state_dict.momentum_backbone." || prefix == "state_dict.momentum_encoder.")
	}},
	{"DINO", func(keys, prefix string) bool {
		return strings.Contains(keys, "\nteacher.") && strings.Contains(keys, "\nstudent.")
	}},
	{"SwAV", containing("prototypes.weight")},
	{"SimSiam", func(keys, prefix string) bool {
		return strings.HasSuffix(prefix, "module.encoder.") && strings.Contains(keys, "module.predictor.")
	}},
	{"Barlow Twins or VICReg", func(keys, prefix string) bool {
		return strings.HasSuffix(prefix, "module.backbone.") && strings.Contains(keys, "module.projector.")
	}},
	{"torchvision", func(keys, prefix string) bool { return strings.Contains(keys, "\n"+prefix+"conv_proj.weight\n") }},
	{"timm", func(keys, prefix string) bool {
		return strings.Contains(keys, "\n"+prefix+"blocks.0.attn.proj.weight\n")
	}},
	{"torchvision or timm", func(string, string) bool { return true }},
}

func containing(parts ...string) func(keys, prefix string) bool {
	return func(keys, _ string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(keys, p) })
	}
}

// familyOf returns the family's name.
func familyOf(s *source, prefix string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for _, t := range s.tensors {
		b.WriteString(t.key + "\n")
	}
	for _, o := range s.others {
		b.WriteString(o.Key + "\n")
	}
	keys := b.String()
	for _, f := range families {
		if f.has(keys, prefix) {
			return f.name
		}
	}
	return ""
}
