// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// history records how the keys of the file have changed. Every added or renamed key raises the format.
type history struct {
	format  int
	added   []addition
	aliases []alias
}

// addition is a key that older formats lack. A run of an older format did what value says, whatever new runs do.
type addition struct {
	path   string // within augment without the number of the view
	format int    // the first format with the key
	value  string // the value of older runs
}

// alias is the old name of a key, or of a section with all its keys. The old name still works in files, in --set and in
// the configs of runs. It does not work in a config that has a key of that name, such as another method's
// hyperparameter.
type alias struct {
	old, new string            // paths; the same if only values were renamed
	values   map[string]string // renamed values, from old to new; "TEXT *" matches TEXT and whatever follows it
	methods  []string          // the methods that had the key; empty: all
}

// keys is the history of the keys.
var keys = history{
	format: 8,
	added: []addition{
		{"variant.untied", 2, "false"},
		{"variant.asymmetric.stop_gradient", 2, "false"},
		{"variant.asymmetric.predictor_mode", 2, "none"},
		{"variant.asymmetric.predictor.widths", 2, "[8192, 8192]"},
		{"variant.asymmetric.predictor.batch_norm", 2, "true"},
		{"variant.asymmetric.predictor.output_norm", 2, "false"},
		{"variant.asymmetric.predictor.output_affine", 2, "false"},
		{"variant.asymmetric.predictor.norm", 2, "batch"},
		{"probe.leak", 2, "false"},
		{"method.base_temperature", 2, "0"}, // of supcon
		{"variant.predictor_form", 2, "own"},
		{"variant.direct.rho", 2, "0.3"},
		{"variant.direct.epsilon", 2, "0.1"},
		{"variant.direct.constant", 2, "0"},
		{"variant.direct.every", 2, "1"},
		{"variant.direct.centred", 2, "false"},
		{"variant.direct.isotropic", 2, "false"},
		{"variant.variance", 2, "0"},
		{"variant.covariance", 2, "0"},
		{"augment.rand_augment.shear", 3, "0.3"},
		{"augment.rand_augment.shift", 3, "0.3"},
		{"augment.cutout.min_size", 3, "0"},
		{"augment.solarize.random_threshold", 3, "false"},
		{"method.sum_heads", 3, "false"}, // of scan
		{"method.include_self", 3, "false"},
		{"method.neighbours_by", 3, "h"},
		{"method.heads_only", 3, "false"},
		{"method.head_epochs", 3, "0"},
		{"method.frozen_norm", 3, "false"},      // of scan and scan-selflabel
		{"method.ema", 3, "0"},                  // of scan-selflabel
		{"method.asymmetric_views", 3, "false"}, // of vicreg
		{"method.groups", 3, "1"},               // of ressl
		{"probe.queries", 4, "fifth"},
		{"data.max_unreadable", 4, "0.01"},
		{"train.memory", 4, ""},
		{"data.hash", 4, "sample"},
		{"data.channels", 5, "rgb"},
		{"data.low", 5, "[]"},
		{"data.high", 5, "[]"},
		{"data.samples", 5, ""},
		{"train.scheme", 6, "reference"},
		{"train.cache_chunk", 6, "0"},
		{"stages.sizes", 6, "[]"},
		{"stages.strength", 6, "[]"},
		{"stages.ends", 6, "[]"},
		{"stages.planned", 6, "0"},
		{"optim.cycles", 7, "1"},
		{"optim.average", 7, "0"},
		{"data.shuffle", 8, "all"},
		{"data.cache", 8, ""},
		{"train.processes", 8, "1"},
		{"train.batch_norm", 8, "all"},
		{"train.momentum_batch", 8, "0"},
	},
	aliases: []alias{
		{old: "data.decoder", new: "data.decoder", values: map[string]string{
			"libturbojpeg *": "turbojpeg", "libjpeg-turbo *": "turbojpeg",
			"Go image/jpeg *": "go", "image/jpeg *": "go"}},
		{old: "method.shared_weights", new: "variant.untied", values: opposite,
			methods: []string{"simclr", "vicreg", "barlowtwins"}},
		{old: "method.stop_gradient", new: "variant.asymmetric.stop_gradient", methods: []string{"barlowtwins"}},
		{old: "method.predictor_mode", new: "variant.asymmetric.predictor_mode", methods: []string{"barlowtwins"}},
		{old: "method.predictor", new: "variant.asymmetric.predictor", methods: []string{"barlowtwins"}},
		{old: "method.predictor_form", new: "variant.predictor_form", values: map[string]string{"mlp": "own"},
			methods: []string{"byol", "simsiam"}},
		{old: "method.direct", new: "variant.direct", methods: []string{"byol"}},
		{old: "method.measure_leak", new: "probe.leak", methods: []string{"mocov1", "mocov2", "mocov2plus"}},
		{old: "method.variance", new: "variant.variance", methods: []string{"simsiam"}},
		{old: "method.covariance", new: "variant.covariance", methods: []string{"simsiam"}},
	},
}

// opposite maps the values of a switch whose new name has the opposite meaning.
var opposite = map[string]string{"true": "false", "false": "true"}

// of reports whether the config of a method had the old name.
func (a alias) of(method string) bool {
	return len(a.methods) == 0 || slices.Contains(a.methods, method)
}

// value returns the new name of an old value.
func (a alias) value(old string) string {
	for from, to := range a.values {
		start, anything := strings.CutSuffix(from, " *")
		if old == from || anything && (old == start || strings.HasPrefix(old, start+" ")) {
			return to
		}
	}
	return old
}

// Original returns a setting of a method as the oldest format had it. A name or a hash made from settings must use this
// form, so that it stays the same.
func Original(method, path, value string) (oldPath, oldValue string) {
	for _, a := range slices.Backward(keys.aliases) {
		rest, ok := strings.CutPrefix(path, a.new)
		if !ok || rest != "" && rest[0] != '.' || !a.of(method) {
			continue
		}
		path = a.old + rest
		for from, to := range a.values {
			if to == value && !strings.HasSuffix(from, " *") {
				value = from
				break
			}
		}
	}
	return path, value
}

// older returns the value that runs of a format had at a path that the format lacks. ok is false if it has the path.
func older(path string, format int) (value string, ok bool) {
	if rest, found := strings.CutPrefix(path, "augment."); found {
		_, op, _ := strings.Cut(rest, ".")
		name, field, _ := strings.Cut(op, ".")
		path = "augment." + opName(name) + "." + field
	}
	for _, a := range keys.added {
		if a.path == path && format < a.format {
			return a.value, true
		}
	}
	return "", false
}

// renamed replaces old names of keys and values beneath top, the mapping at the top of a config. found reports whether
// there were any. root is the config into which top will be read.
func renamed(root *node, top *yaml.Node) (found bool, err error) {
	method := methodNamed(root, top)
	for _, a := range keys.aliases {
		path := strings.Split(a.old, ".")
		section, at := lookup(top, path)
		if section == nil || !a.of(method) || a.old != a.new && (root.holds(a.old) || !root.holds(a.new)) {
			continue
		}
		key, value := section.Content[at], section.Content[at+1]
		if value.Kind == yaml.ScalarNode && len(a.values) > 0 {
			old := value.Value
			if value.ShortTag() == "!!bool" {
				old = strings.ToLower(old) // YAML has True and TRUE, too
			}
			if to := a.value(old); to != old {
				value.Value, value.Tag, value.Style = to, "", 0
				found = true
			}
		}
		if a.old == a.new {
			continue
		}
		if there, _ := lookup(top, strings.Split(a.new, ".")); there != nil {
			return found, fmt.Errorf("line %d: key %s is the old name of %s, which is given, too: leave one out",
				key.Line, a.old, a.new)
		}
		section.Content = slices.Delete(section.Content, at, at+2)
		put(top, strings.Split(a.new, "."), key, value)
		found = true
	}
	return found, nil
}

// methodNamed returns the method of the config root, or else the method that top names.
func methodNamed(root *node, top *yaml.Node) string {
	if named, err := root.find(root, "method.name"); err == nil && named[0].value.String() != "" {
		return named[0].value.String()
	}
	if section, at := lookup(top, []string{"method", "name"}); section != nil {
		return section.Content[at+1].Value
	}
	return ""
}

// lookup returns the mapping beneath top that holds the last key of path, and the key's index in Content; nil if there
// is none.
func lookup(top *yaml.Node, path []string) (section *yaml.Node, at int) {
	if top.Kind != yaml.MappingNode {
		return nil, 0
	}
	for i := 0; i < len(top.Content); i += 2 {
		if top.Content[i].Value != path[0] {
			continue
		}
		if len(path) == 1 {
			return top, i
		}
		return lookup(top.Content[i+1], path[1:])
	}
	return nil, 0
}

// put sets path beneath top to value and adds missing sections. The new keys get the line of old, which errors then
// name.
func put(top *yaml.Node, path []string, old, value *yaml.Node) {
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: path[0], Line: old.Line, Column: old.Column}
	if len(path) == 1 {
		top.Content = append(top.Content, key, value)
		return
	}
	for i := 0; i < len(top.Content); i += 2 {
		if top.Content[i].Value == path[0] {
			put(top.Content[i+1], path[1:], old, value)
			return
		}
	}
	section := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: old.Line, Column: old.Column}
	top.Content = append(top.Content, key, section)
	put(section, path[1:], old, value)
}

// holds reports whether n has a key at path.
func (n *node) holds(path string) bool {
	key, rest, more := strings.Cut(path, ".")
	for _, k := range n.kids {
		if k.key == key {
			return !more || k.holds(rest)
		}
	}
	return false
}

// nested returns a mapping, as at the top of a config, that holds value at path. It returns nil for a path within
// augment, which has no aliases.
func nested(path string, value *yaml.Node) *yaml.Node {
	if path == "augment" || strings.HasPrefix(path, "augment.") {
		return nil
	}
	top := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	put(top, strings.Split(path, "."), &yaml.Node{}, value)
	return top
}

// formatOf returns the format given in the mapping at the top of a config. If none is given it returns 0, so that a
// file that somebody wrote need not have the keys that were added since.
func formatOf(top *yaml.Node) int {
	if section, at := lookup(top, []string{formatKey}); section != nil {
		if f, err := strconv.Atoi(section.Content[at+1].Value); err == nil {
			return f
		}
	}
	return 0
}
