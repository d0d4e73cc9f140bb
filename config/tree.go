// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// kind is the kind of a node.
type kind int

const (
	leaf    kind = iota // one value
	section             // named values and sections, in a fixed order
	views               // the recipes: a list with one kid per view
	recipe              // one view's recipe: a list with one kid per op
)

// A node is a value or a group of values of a Config, accessed by reflection. Reading, writing and comparing configs
// work on trees of nodes.
type node struct {
	kind   kind
	key    string // within the parent; the second solarize of a recipe is "solarize#2"
	path   string // from the root
	value  reflect.Value
	kids   []*node
	commit func() // call it after setting value; nil if value is the Config's own memory
}

// tree returns the Config as a tree of nodes. Values set through the tree change c at once.
func tree(c *Config) (*node, error) {
	root := &node{kind: section}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		key := Key(v.Type().Field(i).Name)
		var kid *node
		var err error
		switch field := v.Field(i).Addr().Interface().(type) {
		case *MethodConfig:
			kid, err = methodNode(key, field)
		case *[]augment.Recipe:
			kid, err = viewsNode(key, *field)
		default:
			kid, err = valueNode(key, key, v.Field(i), nil)
		}
		if err != nil {
			return nil, err
		}
		root.kids = append(root.kids, kid)
	}
	return root, nil
}

func methodNode(key string, m *MethodConfig) (*node, error) {
	n := &node{kind: section, key: key, path: key}
	n.kids = []*node{{key: "name", path: key + ".name", value: reflect.ValueOf(&m.Name).Elem()}}
	if m.Fields == nil {
		return n, nil
	}
	v := reflect.ValueOf(m.Fields)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("reading the hyperparameters of method %q: want a pointer to a struct, have %T",
			m.Name, m.Fields)
	}
	kids, err := structNodes(key, v.Elem(), nil)
	if err != nil {
		return nil, err
	}
	for _, k := range kids {
		if k.key == "name" {
			return nil, fmt.Errorf("reading the hyperparameters of method %q: a field of %T is called Name, "+
				"the key of the method itself: rename the field", m.Name, m.Fields)
		}
	}
	n.kids = append(n.kids, kids...)
	return n, nil
}

func viewsNode(key string, recipes []augment.Recipe) (*node, error) {
	n := &node{kind: views, key: key, path: key}
	for i, r := range recipes {
		at := strconv.Itoa(i)
		view := &node{kind: recipe, key: at, path: key + "." + at}
		seen := map[string]int{}
		for j, op := range r {
			if op == nil {
				return nil, fmt.Errorf("reading the recipe of view %d: op %d is nil", i, j)
			}
			name := op.Name()
			if seen[name]++; seen[name] > 1 {
				name += "#" + strconv.Itoa(seen[name])
			}
			copied := reflect.New(reflect.TypeOf(op)).Elem()
			copied.Set(reflect.ValueOf(op))
			kid, err := valueNode(name, view.path+"."+name, copied, func() { r[j] = copied.Interface().(augment.Op) })
			if err != nil {
				return nil, err
			}
			if kid.kind != section {
				return nil, fmt.Errorf("reading the recipe of view %d: op %s is a %T, want a struct", i, name, op)
			}
			view.kids = append(view.kids, kid)
		}
		n.kids = append(n.kids, view)
	}
	return n, nil
}

// valueNode is the node of one addressable value: a leaf, or a section when it is a struct without a text form.
func valueNode(key, path string, v reflect.Value, commit func()) (*node, error) {
	if v.Kind() == reflect.Struct && !hasText(v.Type()) {
		kids, err := structNodes(path, v, commit)
		return &node{kind: section, key: key, path: path, kids: kids}, err
	}
	if !plain(v.Type()) {
		return nil, fmt.Errorf("reading %s: a config holds numbers, bools, strings and lists of them, not a %s: "+
			"leave the field unexported", path, v.Type())
	}
	return &node{key: key, path: path, value: v, commit: commit}, nil
}

func structNodes(path string, v reflect.Value, commit func()) ([]*node, error) {
	var nodes []*node
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			kids, err := structNodes(path, v.Field(i), commit)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, kids...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		key := Key(f.Name)
		full := key
		if path != "" {
			full = path + "." + key
		}
		kid, err := valueNode(key, full, v.Field(i), commit)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, kid)
	}
	return nodes, nil
}

var (
	marshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func hasText(t reflect.Type) bool {
	return t.Implements(marshaler) && reflect.PointerTo(t).Implements(unmarshaler)
}

func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array, reflect.Slice:
		return plain(t.Elem())
	}
	return hasText(t)
}

// leaves returns the values beneath n in the order of the file.
func (n *node) leaves() []*node {
	if n.kind == leaf {
		return []*node{n}
	}
	var all []*node
	for _, k := range n.kids {
		all = append(all, k.leaves()...)
	}
	return all
}

func (n *node) keys() []string {
	keys := make([]string, len(n.kids))
	for i, k := range n.kids {
		keys[i] = k.key
	}
	return keys
}

// find returns the nodes at path, relative to n. There is one node, or within the recipes one for each matching view
// and op.
func (n *node) find(root *node, path string) ([]*node, error) {
	if path == "" {
		return []*node{n}, nil
	}
	key, rest, _ := strings.Cut(path, ".")
	var found []*node
	switch n.kind {
	case leaf:
		return nil, fmt.Errorf("unknown key %s.%s: %s is a single value", n.path, path, n.path)
	case views:
		if at, err := strconv.Atoi(key); err == nil {
			if at < 0 || at >= len(n.kids) {
				return nil, fmt.Errorf("unknown view %s.%s: the method has %d views, counted from 0",
					n.path, key, len(n.kids))
			}
			return n.kids[at].find(root, rest)
		}
		for _, view := range n.kids {
			if view.has(key) {
				more, err := view.find(root, path)
				if err != nil {
					return nil, err
				}
				found = append(found, more...)
			}
		}
	case recipe, section:
		for _, k := range n.kids {
			if k.key == key || n.kind == recipe && opName(k.key) == key {
				more, err := k.find(root, rest)
				if err != nil {
					return nil, err
				}
				found = append(found, more...)
			}
		}
	}
	if len(found) == 0 {
		return nil, n.unknown(root, key)
	}
	return found, nil
}

func (n *node) has(op string) bool {
	for _, k := range n.kids {
		if k.key == op || opName(k.key) == op {
			return true
		}
	}
	return false
}

func opName(key string) string {
	name, _, _ := strings.Cut(key, "#")
	return name
}

// unknown returns the error for a key that n lacks. It names the nearest existing key and the keys of n.
func (n *node) unknown(root *node, key string) error {
	where, full := n.path, key
	if n.path != "" {
		full = n.path + "." + key
	}
	holds := n.keys()
	switch n.kind {
	case views, recipe:
		holds = n.opNames()
		for _, op := range augment.Ops() {
			if op.Name() == key {
				return fmt.Errorf("no op %s in %s, which has: %s: to add one, list the recipes in a config file",
					key, where, strings.Join(holds, ", "))
			}
		}
	case section:
		for _, l := range root.leaves() {
			if l.key == key && !strings.HasPrefix(l.path, root.keyOf(views)+".") {
				return fmt.Errorf("unknown key %s: did you mean %s?", full, l.path)
			}
		}
	}
	if where == "" {
		where = "the config"
	}
	if len(holds) == 0 {
		return fmt.Errorf("unknown key %s: %s holds no keys", full, where)
	}
	near := spelling.Nearest(key, holds)
	if n.path != "" {
		near = n.path + "." + near
	}
	return fmt.Errorf("unknown key %s: did you mean %s? %s holds: %s",
		full, near, where, strings.Join(holds, ", "))
}

// opNames returns the names of the ops of a view or of all views, each once.
func (n *node) opNames() []string {
	var names []string
	for _, k := range n.kids {
		more := []string{opName(k.key)}
		if n.kind == views {
			more = k.opNames()
		}
		for _, name := range more {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// keyOf returns the key of the first kid of kind k, "" if there is none.
func (n *node) keyOf(k kind) string {
	for _, kid := range n.kids {
		if kid.kind == k {
			return kid.key
		}
	}
	return ""
}
