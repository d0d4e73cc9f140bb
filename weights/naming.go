// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"slices"
	"strings"
)

// naming is how a program names the tensors of a kind of network.
type naming struct {
	kind  kind
	marks []string            // names that all of its files have; the first one is found behind any prefix
	ours  func(string) string // the backbone's name for a name
}

// kind is a kind of network.
type kind int

const (
	resNet kind = iota
	wideResNet
	viT
)

// namings lists the known ones.
var namings = []naming{
	{resNet, []string{"conv1.weight", "bn1.weight", "layer1.0.conv1.weight"}, blockNames},
	{resNet, []string{"0.weight", "1.weight", "4.0.conv1.weight", "7.0.conv1.weight"}, sequentialNames},
	{viT, []string{"patch_embed.proj.weight", "blocks.0.attn.proj.weight"}, blockNames},
	{viT, []string{"conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"}, torchvisionNames},
	{wideResNet, []string{"conv1.weight", "block1.layer.0.conv1.weight"}, blockNames},
}

// blockNames is torchvision's naming of ResNets, in which lightly's own ResNets call the projection a shortcut, and
// timm's of ViTs.
func blockNames(name string) string { return strings.Replace(name, ".shortcut.", ".downsample.", 1) }

// sequentialNames is the naming of nn.Sequential(*list(resnet.children())[:-1]), as in lightly's examples: children 2
// and 3 are the ReLU and the pooling.
func sequentialNames(name string) string {
	places := map[string]string{"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
	first, rest, _ := strings.Cut(name, ".")
	if place, ok := places[first]; ok {
		return place + "." + blockNames(rest)
	}
	return name
}

// torchvisionNames is torchvision's naming of ViTs (torchvision/models/vision_transformer.py).
func torchvisionNames(name string) string {
	switch name {
	case "class_token":
		return "cls_token"
	case "encoder.pos_embedding":
		return "pos_embed"
	}
	if rest, ok := strings.CutPrefix(name, "conv_proj."); ok {
		return "patch_embed.proj." + rest
	}
	if rest, ok := strings.CutPrefix(name, "encoder.ln."); ok {
		return "norm." + rest
	}
	rest, ok := strings.CutPrefix(name, "encoder.layers.encoder_layer_")
	if !ok {
		return name
	}
	for _, pair := range [][2]string{
		{".ln_1.", ".norm1."}, {".ln_2.", ".norm2."}, {".self_attention.in_proj_", ".attn.qkv."},
		{".self_attention.out_proj.", ".attn.proj."}, {".mlp.0.", ".mlp.fc1."}, {".mlp.3.", ".mlp.fc2."},
		{".mlp.linear_1.", ".mlp.fc1."}, {".mlp.linear_2.", ".mlp.fc2."},
	} {
		rest = strings.Replace(rest, pair[0], pair[1], 1)
	}
	return "blocks." + rest
}

// network is a network that a file holds.
type network struct {
	naming
	prefix  string         // before all its names
	tensors map[string]int // indices in the file, by the backbone's names
}

// wrappers are parts of names that torch.compile and sharding put in front of a module's own.
var wrappers = strings.NewReplacer("_orig_mod.", "", "_fsdp_wrapped_module.", "", "_checkpoint_wrapped_module.", "")

// mostNetworks is far above what any checkpoint holds.
const mostNetworks = 16

// networks returns the networks of a file in the order of its tensors.
func networks(tensors []tensor) (found []network) {
	has := map[string]bool{}
	names := make([]string, len(tensors))
	for i, t := range tensors {
		names[i] = wrappers.Replace(t.key)
		has[names[i]] = true
	}
	for _, name := range names {
		for _, n := range namings {
			prefix, ok := strings.CutSuffix(name, n.marks[0])
			if !ok || prefix != "" && !strings.HasSuffix(prefix, ".") ||
				slices.ContainsFunc(n.marks, func(mark string) bool { return !has[prefix+mark] }) {
				continue
			}
			own := network{n, prefix, map[string]int{}}
			for i, name := range names {
				if local, ok := strings.CutPrefix(name, prefix); ok {
					own.tensors[n.ours(local)] = i
				}
			}
			if found = append(found, own); len(found) == mostNetworks {
				return found
			}
		}
	}
	return found
}
