// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// keys are the keys of a sweep file, with what they hold.
var keys = []string{"methods", "seeds", "data", "probes", "preset", "config", "minutes", "steps", "epochs", "grid",
	"set"}

// Read reads a sweep file, YAML. name is its name in errors, which name the line. config is the path of the config file
// that it names, "" for none; the plan does not have its text yet.
//
//	methods: [simsiam, simclr]
//	seeds: 3                      # 1, 2, 3; or a list
//	data: photos
//	steps: 1000                   # or epochs, or minutes of each run
//	grid:
//	  optim.base_rate: [0.03, 0.06]
//	set:
//	  train.batch: 256
func Read(text []byte, name string) (p *Plan, config string, err error) {
	top, err := parse(text, name)
	if err != nil {
		return nil, "", err
	}
	p = &Plan{}
	r := &reader{name: printable.Name(name), plan: p}
	seen := map[string]bool{}
	for i := 0; i < len(top.Content); i += 2 {
		k, v := top.Content[i], top.Content[i+1]
		if seen[k.Value] {
			return nil, "", r.wrong(k, "%s is given twice", printable.Name(k.Value))
		}
		seen[k.Value] = true
		if err := r.key(k, v); err != nil {
			return nil, "", err
		}
	}
	return p, r.config, nil
}

// parse returns the mapping at the top of the file.
func parse(text []byte, name string) (*yaml.Node, error) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		why := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
		return nil, fmt.Errorf("reading %s: %s", printable.Name(name), why)
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s is empty: it needs data and methods", printable.Name(name))
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: something follows the first document: a sweep is one", printable.Name(name))
	}
	if top := doc.Content[0]; top.Kind == yaml.MappingNode {
		return top, nil
	}
	return nil, fmt.Errorf("%s:%d: a sweep is a mapping with the keys %s", printable.Name(name), doc.Content[0].Line,
		strings.Join(keys, ", "))
}

// reader fills a plan from YAML.
type reader struct {
	name   string
	plan   *Plan
	config string
}

func (r *reader) wrong(y *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.name, y.Line, fmt.Sprintf(format, args...))
}

// key reads the value of a key at the top.
func (r *reader) key(k, v *yaml.Node) (err error) {
	p := r.plan
	switch k.Value {
	case "methods":
		p.Methods, err = r.texts(k, v)
	case "probes":
		p.Probes, err = r.texts(k, v)
	case "data":
		p.Data, err = r.text(k, v)
	case "preset":
		p.Preset, err = r.text(k, v)
	case "config":
		r.config, err = r.text(k, v)
	case "minutes":
		var text string
		if text, err = r.text(k, v); err == nil {
			if p.Minutes, err = strconv.ParseFloat(text, 64); err != nil || !(p.Minutes > 0) {
				err = r.wrong(v, "minutes is %s: give the minutes of a run", printable.Short(text))
			}
		}
	case "steps", "epochs":
		var text string
		if text, err = r.text(k, v); err == nil {
			p.Put(map[string]string{"steps": "train.max_steps", "epochs": "train.epochs"}[k.Value], text)
		}
	case "seeds":
		err = r.seeds(v)
	case "grid", "set":
		err = r.settings(k, v)
	default:
		return r.wrong(k, "unknown key %s: did you mean %s?", printable.Short(k.Value),
			spelling.Nearest(k.Value, keys))
	}
	return err
}

// seeds reads a number of seeds, or a list of seeds.
func (r *reader) seeds(v *yaml.Node) error {
	if v.Kind != yaml.SequenceNode {
		n, err := strconv.Atoi(v.Value)
		if err != nil || v.Kind != yaml.ScalarNode || n < 1 || n > MostCells {
			return r.wrong(v, "seeds is a number from 1 to %d, or a list of seeds", MostCells)
		}
		r.plan.Seeds = Seeds(n)
		return nil
	}
	r.plan.Seeds = nil
	for _, item := range v.Content {
		seed, err := strconv.ParseUint(item.Value, 10, 63)
		if err != nil || item.Kind != yaml.ScalarNode {
			return r.wrong(item, "a seed is a whole number, 0 or more, and this is %s", printable.Short(item.Value))
		}
		r.plan.Seeds = append(r.plan.Seeds, seed)
	}
	return nil
}

// Seeds returns the seeds 1 to n.
func Seeds(n int) (all []uint64) {
	for s := range n {
		all = append(all, uint64(s)+1)
	}
	return all
}

// settings reads the mapping of paths to values below set, or to lists of values below grid.
func (r *reader) settings(k, v *yaml.Node) error {
	if v.Kind != yaml.MappingNode {
		return r.wrong(v, "%s is a mapping of settings: section.key: value", k.Value)
	}
	for i := 0; i < len(v.Content); i += 2 {
		path, value := v.Content[i], v.Content[i+1]
		if r.has(path.Value) {
			return r.wrong(path, "%s is given twice", printable.Name(path.Value))
		}
		if k.Value == "set" {
			text, err := r.value(value)
			if err != nil {
				return err
			}
			r.plan.Put(path.Value, text)
			continue
		}
		if value.Kind != yaml.SequenceNode || len(value.Content) == 0 {
			return r.wrong(value, "%s: a grid has a list of values: [a, b]", printable.Name(path.Value))
		}
		a := Axis{Path: path.Value}
		for _, item := range value.Content {
			text, err := r.value(item)
			if err != nil {
				return err
			}
			a.Values = append(a.Values, text)
		}
		r.plan.Grid = append(r.plan.Grid, a)
	}
	return nil
}

func (r *reader) has(path string) bool {
	for _, s := range r.plan.Set {
		if s.Path == path {
			return true
		}
	}
	for _, a := range r.plan.Grid {
		if a.Path == path {
			return true
		}
	}
	return false
}

// value returns a value as --set takes it: text as it is, and a list or mapping as YAML on one line.
func (r *reader) value(y *yaml.Node) (string, error) {
	switch y.Kind {
	case yaml.ScalarNode:
		if strings.ContainsAny(y.Value, "\n\x00") {
			return "", r.wrong(y, "a value has one line")
		}
		return y.Value, nil
	case yaml.AliasNode:
		return "", r.wrong(y, "aliases (*%s) are not read: write the value out", printable.Name(y.Value))
	}
	flow(y)
	text, err := yaml.Marshal(y)
	if err != nil {
		return "", r.wrong(y, "%v", err)
	}
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\n", " ")), nil
}

// flow makes a list or mapping one of one line, and removes comments and anchors.
func flow(y *yaml.Node) {
	y.Style |= yaml.FlowStyle
	if y.Kind == yaml.ScalarNode {
		y.Style = 0
	}
	y.HeadComment, y.LineComment, y.FootComment, y.Anchor = "", "", "", ""
	for _, kid := range y.Content {
		flow(kid)
	}
}

func (r *reader) text(k, v *yaml.Node) (string, error) {
	if v.Kind != yaml.ScalarNode || v.Value == "" || strings.ContainsAny(v.Value, "\n\x00") {
		return "", r.wrong(v, "%s is one value", k.Value)
	}
	return v.Value, nil
}

// texts reads a list of texts, or one.
func (r *reader) texts(k, v *yaml.Node) (all []string, err error) {
	items := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		items = v.Content
	}
	for _, item := range items {
		text, err := r.text(k, item)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
