// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// history is how the keys of the file have changed. A key that is added or renamed raises the format.
type history struct {
	format  int
	added   []addition
	aliases []alias
}

// addition is a key that older formats lack. A run of such a format did what the value says, whatever new runs do.
type addition struct {
	path   string // within augment without the number of the view
	format int    // the first that has it
	value  string // of older runs
}

// alias is the old name of a key, or of a section with all its keys. It goes on working in files, in --set and in the
// configs of runs, except in a config that has a key of that name: another method's hyperparameter.
type alias struct {
	old, new string            // paths; the same where only values have new names
	values   map[string]string // from old to new ones, where these differ; "TEXT *" stands for TEXT and whatever follows it
	methods  []string          // that had the key; empty: a key of all
}

// keys is the history of the keys.
var keys = history{
	format: 2,
	added: []addition{
		{"variant.untied", 2, "false"},
		{"variant.asymmetric.stop_gradient", 2, "false"},
		{"variant.asymmetric.predictor_mode", 2, "none"},
		{"variant.asymmetric.predictor.widths", 2, "[8192, 8192]"},
		{"variant.asymmetric.predictor.batch_norm", 2, "true"},
		{"variant.asymmetric.predictor.output_norm", 2, "false"},
		{"variant.asymmetric.predictor.output_affine", 2, "false"},
		{"variant.asymmetric.predictor.norm", 2, "batch"},
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
	},
	aliases: []alias{
		{old: "data.decoder", new: "data.decoder", values: map[string]string{
			"libturbojpeg *": "turbojpeg", "libjpeg-turbo *": "turbojpeg", "Go image/jpeg *": "go", "image/jpeg *": "go"}},
		{old: "method.shared_weights", new: "variant.untied", values: opposite,
			methods: []string{"simclr", "vicreg", "barlowtwins"}},
		{old: "method.stop_gradient", new: "variant.asymmetric.stop_gradient", methods: []string{"barlowtwins"}},
		{old: "method.predictor_mode", new: "variant.asymmetric.predictor_mode", methods: []string{"barlowtwins"}},
		{old: "method.predictor", new: "variant.asymmetric.predictor", methods: []string{"barlowtwins"}},
		{old: "method.predictor_form", new: "variant.predictor_form", values: map[string]string{"mlp": "own"},
			methods: []string{"byol", "simsiam"}},
		{old: "method.direct", new: "variant.direct", methods: []string{"byol"}},
		{old: "method.variance", new: "variant.variance", methods: []string{"simsiam"}},
		{old: "method.covariance", new: "variant.covariance", methods: []string{"simsiam"}},
	},
}

// opposite are the values of a switch that has become its contrary.
var opposite = map[string]string{"true": "false", "false": "true"}

// of says whether the config of a method had the alias.
func (a alias) of(method string) bool {
	return len(a.methods) == 0 || slices.Contains(a.methods, method)
}

// value is the new name of an old value.
func (a alias) value(old string) string {
	for from, to := range a.values {
		if start, anything := strings.CutSuffix(from, " *"); old == from || anything && (old == start || strings.HasPrefix(old, start+" ")) {
			return to
		}
	}
	return old
}

// Original is a setting of a method as the oldest format had it: what a name or a hash that was made from settings must go
// on using.
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

// older is what runs of a format had at a path that the format lacks; ok is false when it does not lack it.
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

// renamed gives the old keys and values beneath the mapping at the top of a config their new names. It says whether
// there were any. root is the config that top is to be read into.
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
			return found, fmt.Errorf("line %d: key %s is the old name of %s, which is given, too: leave one out", key.Line, a.old, a.new)
		}
		section.Content = slices.Delete(section.Content, at, at+2)
		put(top, strings.Split(a.new, "."), key, value)
		found = true
	}
	return found, nil
}

// methodNamed is the method that a config is of, or that the mapping at its top names.
func methodNamed(root *node, top *yaml.Node) string {
	if named, err := root.find(root, "method.name"); err == nil && named[0].value.String() != "" {
		return named[0].value.String()
	}
	if section, at := lookup(top, []string{"method", "name"}); section != nil {
		return section.Content[at+1].Value
	}
	return ""
}

// lookup is the mapping beneath top that holds the last key of path, and where in its Content; nil when there is none.
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

// put sets path beneath top to value, making the sections that are missing. Errors name the line of the old key.
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

// holds says whether n has a key at path.
func (n *node) holds(path string) bool {
	key, rest, more := strings.Cut(path, ".")
	for _, k := range n.kids {
		if k.key == key {
			return !more || k.holds(rest)
		}
	}
	return false
}

// nested is value at path as the mapping at the top of a config; nil for a path within augment, whose keys are no aliases.
func nested(path string, value *yaml.Node) *yaml.Node {
	if path == "augment" || strings.HasPrefix(path, "augment.") {
		return nil
	}
	top := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	put(top, strings.Split(path, "."), &yaml.Node{}, value)
	return top
}

// formatOf is the format that the mapping at the top of a config says, the current one when it says none.
func formatOf(top *yaml.Node) int {
	if section, at := lookup(top, []string{formatKey}); section != nil {
		if f, err := strconv.Atoi(section.Content[at+1].Value); err == nil {
			return f
		}
	}
	return keys.format
}
