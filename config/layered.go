// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/spelling"

	"go.yaml.in/yaml/v3"
)

// Layered is a Config that remembers where each value came from. Change the Config by path, with [Layered.Set] and
// [Layered.Merge], which check keys and types. Or change it directly and then call [Layered.Mark].
//
// A path joins the keys from the top with dots: "optim.base_rate", "method.temperature". Within augment a view has its
// number as its key, from 0, and an op has its name. Without the number a path means every view that has the op:
// "augment.color_jitter.p" means all views, "augment.1.solarize.p" the second view only. If a recipe has an op twice,
// "solarize" means both and "solarize#2" the second.
type Layered struct {
	*Config
	Sources map[string]string // path of a leaf to its source: "default", "paper", "flag --batch", "config FILE:12", ...
}

// New returns c with the source "default" for every value. It fails if the method's hyperparameters or an op's fields
// have types that a config cannot hold, which is a mistake in the program.
func New(c *Config) (*Layered, error) {
	l := &Layered{Config: c, Sources: map[string]string{}}
	return l, l.Mark("", "default")
}

// Mark sets the source of every value at and beneath path; "" means all values.
func (l *Layered) Mark(path, source string) error {
	root, err := tree(l.Config)
	if err != nil {
		return err
	}
	found, err := root.find(root, path)
	if err != nil {
		return err
	}
	l.mark(found, source)
	return nil
}

func (l *Layered) mark(found []*node, source string) {
	for _, n := range found {
		for _, leaf := range n.leaves() {
			l.Sources[leaf.path] = source
		}
	}
}

// Set sets the values at path and their source. Errors begin with the source. A text value is taken as it is; other
// values are YAML: 0.2, true, [0.2, 1]. A section takes a mapping: {base_rate: 0.1, momentum: 0}.
func (l *Layered) Set(path, value, source string) error {
	if path == "" {
		return fmt.Errorf("%s: no key given: say section.key=value", source)
	}
	l.ownRecipes()
	root, err := tree(l.Config)
	if err != nil {
		return err
	}
	y, parsing := parseValue(value)
	from := func(*yaml.Node) string { return source }
	in := input{l: l, root: root, source: from, at: from, format: keys.format}
	if top := nested(path, y); top != nil && parsing == nil {
		aliased, err := renamed(root, top)
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		if aliased {
			return in.into(root, top)
		}
	}
	found, err := root.find(root, path)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if parsing != nil {
		return fmt.Errorf("%s: %s: %w", source, path, parsing)
	}
	for _, n := range found {
		use := y
		if n.kind == leaf && n.value.Kind() == reflect.String && !hasText(n.value.Type()) {
			use = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
		}
		if err := in.into(n, use); err != nil {
			return err
		}
	}
	return nil
}

// ownRecipes copies the recipes. A method may share one slice between views of which only one is to change.
func (l *Layered) ownRecipes() {
	l.Augment = slices.Clone(l.Augment)
	for i, r := range l.Augment {
		l.Augment[i] = slices.Clone(r)
	}
}

func parseValue(value string) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil || len(doc.Content) != 1 {
		// Text such as "a: b: c" is not YAML, but it may be the value of a text key, which ignores this node.
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}, nil
	}
	return doc.Content[0], check(doc.Content[0])
}

// Merge lays a config file over l. file is its name in errors and sources. Unknown keys, keys given twice, wrong types,
// YAML aliases and a method other than l's are errors that name the line. Under augment, a list replaces the recipes
// and must give every field of its ops; a mapping changes the recipes in place, like the paths of Set. After an error l
// is partly changed.
func (l *Layered) Merge(data []byte, file string) error {
	return l.merge(data, file, func(y *yaml.Node) string { return fmt.Sprintf("config %s:%d", file, y.Line) })
}

func (l *Layered) merge(data []byte, file string, source func(*yaml.Node) string) error {
	top, err := parse(data, file)
	if err != nil || top == nil {
		return err
	}
	l.ownRecipes()
	root, err := tree(l.Config)
	if err != nil {
		return err
	}
	if _, err := renamed(root, top); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	in := input{
		l: l, root: root, source: source, format: formatOf(top),
		at: func(y *yaml.Node) string { return fmt.Sprintf("%s:%d", file, y.Line) },
	}
	return in.into(root, top)
}

// parse returns the mapping at the top of a config file, nil if the file is empty.
func parse(data []byte, file string) (*yaml.Node, error) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&doc)
	if err == nil {
		if err = d.Decode(&second); err == nil && second.Content[0].ShortTag() != "!!null" {
			return nil, fmt.Errorf("%s:%d: a second document begins here, and a config is one: remove the line "+
				"---, or what follows it", file, second.Line)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		why := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
		return nil, fmt.Errorf("reading config %s: %s", file, why)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: a config is a mapping of sections, this is %s", file, top.Line, shown(top))
	}
	if err := check(top); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return top, nil
}

// check refuses YAML that a config must not have: aliases and keys given twice.
func check(y *yaml.Node) error {
	if y.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: aliases (*%s) are not read: write the value out", y.Line, y.Value)
	}
	if y.Kind == yaml.MappingNode {
		seen := map[string]int{}
		for i := 0; i < len(y.Content); i += 2 {
			k := y.Content[i]
			if k.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: a key is a name, this is %s", k.Line, shown(k))
			}
			if line, twice := seen[k.Value]; twice {
				return fmt.Errorf("line %d: key %s is given twice, first in line %d", k.Line, k.Value, line)
			}
			seen[k.Value] = k.Line
		}
	}
	for _, c := range y.Content {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

// input sets the nodes of a config from YAML values.
type input struct {
	l      *Layered
	root   *node
	source func(*yaml.Node) string // the source of a leaf's value
	at     func(*yaml.Node) string // the beginning of an error
	seen   func(leafPath string)   // called for every leaf that was set; may be nil
	format int                     // of the file
}

func (in *input) into(n *node, y *yaml.Node) error {
	switch {
	case n.kind == leaf:
		return in.intoLeaf(n, y)
	case n.kind == views && y.Kind == yaml.SequenceNode:
		return in.replace(y)
	case n.kind == recipe && y.Kind != yaml.MappingNode:
		return fmt.Errorf("%s: %s is %s, want a mapping from ops to their fields", in.at(y), n.path, shown(y))
	case y.Kind != yaml.MappingNode:
		name := n.path
		if name == "" {
			name = "the config"
		}
		return fmt.Errorf("%s: %s is %s, want a mapping with some of the keys %s",
			in.at(y), name, shown(y), strings.Join(n.keys(), ", "))
	}
	for i := 0; i < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if n == in.root && key.Value == formatKey {
			if err := checkFormat(value); err != nil {
				return fmt.Errorf("%s: %w", in.at(value), err)
			}
			continue
		}
		if strings.Contains(key.Value, ".") || key.Value == "" {
			return fmt.Errorf("%s: key %q: nest the keys, one section per line", in.at(key), key.Value)
		}
		found, err := n.find(in.root, key.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", in.at(key), err)
		}
		for _, kid := range found {
			if err := in.into(kid, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *input) intoLeaf(n *node, y *yaml.Node) error {
	if m := &in.l.Config.Method; n.path == "method.name" && m.Name != "" && y.Value != m.Name {
		return fmt.Errorf("%s: method.name is %s, but the method of this run is %s: choose with --method %s, "+
			"or leave the key out", in.at(y), shown(y), m.Name, y.Value)
	}
	before := reflect.New(n.value.Type()).Elem()
	before.Set(n.value)
	err := assign(n.value, n.path, y)
	if err == nil {
		err = checkBounds(n.path, n.value)
	}
	if err != nil {
		n.value.Set(before)
		return fmt.Errorf("%s: %w", in.at(y), err)
	}
	if n.commit != nil {
		n.commit()
	}
	in.l.Sources[n.path] = in.source(y)
	if in.seen != nil {
		in.seen(n.path)
	}
	return nil
}

// replace reads the list form of augment: one list of ops per view.
func (in *input) replace(y *yaml.Node) error {
	recipes := make([]augment.Recipe, len(y.Content))
	for i, view := range y.Content {
		if view.Kind != yaml.SequenceNode {
			return fmt.Errorf("%s: view %d of augment is %s, want a list of ops", in.at(view), i, shown(view))
		}
		for _, item := range view.Content {
			if item.Kind != yaml.MappingNode || len(item.Content) != 2 {
				return fmt.Errorf("%s: an op of view %d of augment is %s, want one op: {its fields}",
					in.at(item), i, shown(item))
			}
			op, err := opNamed(item.Content[0].Value)
			if err != nil {
				return fmt.Errorf("%s: view %d of augment: %w", in.at(item), i, err)
			}
			recipes[i] = append(recipes[i], op)
		}
	}
	for path := range in.l.Sources {
		if strings.HasPrefix(path, "augment.") {
			delete(in.l.Sources, path)
		}
	}
	in.l.Augment = recipes
	n, err := viewsNode("augment", recipes)
	if err != nil {
		return err
	}
	for i, view := range n.kids {
		for j, op := range view.kids {
			fields := y.Content[i].Content[j].Content[1]
			if fields.Kind != yaml.MappingNode {
				return fmt.Errorf("%s: %s is %s, want {its fields}", in.at(fields), op.path, shown(fields))
			}
			missing, err := in.fill(op, fields)
			if err != nil {
				return err
			}
			if len(missing) > 0 {
				return fmt.Errorf("%s: %s lacks %s: a recipe in a list gives every field of its ops",
					in.at(fields), op.path, strings.Join(missing, ", "))
			}
			if err := in.into(op, fields); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill adds the keys of an op that its fields lack because the file's format lacks them, with the values of older runs.
// It returns the keys that are still missing.
func (in *input) fill(op *node, fields *yaml.Node) (missing []string, err error) {
	for _, key := range without(op.keys(), fields) {
		value, ok := older(op.path+"."+key, in.format)
		if !ok {
			missing = append(missing, key)
			continue
		}
		y, err := parseValue(value)
		if err != nil {
			return nil, err
		}
		y.Line = fields.Line
		name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: fields.Line}
		fields.Content = append(fields.Content, name, y)
	}
	return missing, nil
}

// without returns those of keys that the mapping y lacks.
func without(keys []string, y *yaml.Node) []string {
	has := map[string]bool{}
	for i := 0; i < len(y.Content); i += 2 {
		has[y.Content[i].Value] = true
	}
	var missing []string
	for _, k := range keys {
		if !has[k] {
			missing = append(missing, k)
		}
	}
	return missing
}

func opNamed(name string) (augment.Op, error) {
	var names []string
	for _, op := range augment.Ops() {
		if op.Name() == name {
			return op, nil
		}
		names = append(names, op.Name())
	}
	return nil, fmt.Errorf("unknown op %q: did you mean %s? the ops are: %s",
		name, spelling.Nearest(name, names), strings.Join(names, ", "))
}

// formatKey is the key of the file's format number, by which a later parallax recognises the format.
const formatKey = "format"

func checkFormat(y *yaml.Node) error {
	f, err := strconv.Atoi(y.Value)
	if y.Kind != yaml.ScalarNode || err != nil || f < 1 || f > keys.format {
		reads := strconv.Itoa(keys.format)
		if keys.format > 1 {
			reads = "1 to " + reads
		}
		return errors.New("the config has format " + shown(y) + ", this parallax reads " + reads +
			": use the parallax that wrote it")
	}
	return nil
}
