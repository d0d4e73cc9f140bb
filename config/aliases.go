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

// alias is the old name of a key. It goes on working in files, in --set and in the configs of runs, except in a config that
// has a key of that name: another method's hyperparameter.
type alias struct {
	old, new string            // paths; the same where only values have new names
	values   map[string]string // from old to new ones, where these differ; "TEXT *" stands for TEXT and whatever follows it
}

// keys is the history of the keys.
var keys = history{
	format: 1,
	aliases: []alias{
		{"data.decoder", "data.decoder", map[string]string{
			"libturbojpeg *": "turbojpeg", "libjpeg-turbo *": "turbojpeg", "Go image/jpeg *": "go", "image/jpeg *": "go"}},
	},
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

// Original is a setting as the oldest format had it: what a name or a hash that was made from settings must go on using.
func Original(path, value string) (oldPath, oldValue string) {
	for _, a := range slices.Backward(keys.aliases) {
		if a.new != path {
			continue
		}
		path = a.old
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
	for _, a := range keys.aliases {
		path := strings.Split(a.old, ".")
		section, at := lookup(top, path)
		if section == nil || a.old != a.new && (root.holds(a.old) || !root.holds(a.new)) {
			continue
		}
		key, value := section.Content[at], section.Content[at+1]
		if value.Kind == yaml.ScalarNode && len(a.values) > 0 {
			if to := a.value(value.Value); to != value.Value {
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
