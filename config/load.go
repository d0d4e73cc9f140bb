// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is the name of the config file in a run directory.
const File = "config.yaml"

// Load reads a config file that [Layered.Encode] wrote, with its sources. fields is a pointer to the method's
// hyperparameters, which Load fills; nil if the method has none. [MethodOf] tells the method beforehand. Load is
// strict: unknown and missing keys are errors, except for keys that an older format names differently or lacks.
func Load(data []byte, fields any) (*Layered, error) {
	top, err := parse(data, File)
	if err != nil {
		return nil, err
	}
	if top == nil {
		return nil, fmt.Errorf("reading %s: it is empty", File)
	}
	l := &Layered{Config: &Config{Method: MethodConfig{Fields: fields}}, Sources: map[string]string{}}
	root, err := tree(l.Config)
	if err != nil {
		return nil, err
	}
	behind := map[int]string{}
	comments(top, behind)
	given := map[string]bool{}
	if _, err := renamed(root, top); err != nil {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	in := input{
		l: l, root: root, format: formatOf(top),
		source: func(y *yaml.Node) string { return behind[y.Line] },
		at:     func(y *yaml.Node) string { return fmt.Sprintf("%s:%d", File, y.Line) },
		seen:   func(path string) { given[path] = true },
	}
	if err := in.into(root, top); err != nil {
		return nil, err
	}
	var missing []string
	for _, leaf := range root.leaves() {
		if given[leaf.path] {
			continue
		}
		value, ok := older(leaf.path, in.format)
		if !ok {
			missing = append(missing, leaf.path)
			continue
		}
		if err := l.Set(leaf.path, value, fmt.Sprintf("format %d", in.format)); err != nil {
			return nil, err
		}
	}
	if missing = append(missing, without([]string{formatKey, "augment"}, top)...); len(missing) > 0 {
		return nil, fmt.Errorf("reading %s: it lacks %s, but a run's config holds every value: another version of "+
			"parallax wrote it, or it was edited; the run's encoder.safetensors can still be evaluated",
			File, strings.Join(missing, ", "))
	}
	return l, nil
}

// MethodOf returns the method that a config file names, "" if it names none. The keys of the file are not checked. file
// is its name in errors.
func MethodOf(data []byte, file string) (string, error) {
	values, err := Values(data, file)
	if err != nil {
		return "", err
	}
	for _, v := range values {
		if v.Path == "method.name" {
			return v.Text, nil
		}
	}
	return "", nil
}

// A Value is one value of a config file as the file has it.
type Value struct {
	Path   string // "optim.rate", "augment.0.solarize.p"
	Text   string // YAML on one line; text as it is, without quotes
	Source string // the comment behind it: "default", "paper", "flag --batch", ...; "" for none
}

// Values lists the values of a config file in the order of the file. It neither needs the method nor checks the keys.
// Old names of keys and values are replaced by the present ones, and a renamed key comes last. Old names of a method's
// own hyperparameters stay, because only the method knows them. file is the file's name in errors.
func Values(data []byte, file string) ([]Value, error) {
	top, err := parse(data, file)
	if err != nil || top == nil {
		return nil, err
	}
	usual := Default()
	root, err := tree(&usual)
	if err != nil {
		return nil, err
	}
	if _, err := renamed(root, top); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	sources := map[int]string{}
	comments(top, sources)
	var all []Value
	flatten(top, "", sources, &all)
	return all, nil
}

// StepImages returns the number of images of a step, from the values of a config file; 0 if they do not say it.
func StepImages(values []Value) int {
	n := 1
	for _, path := range []string{"train.batch", "train.accumulate"} {
		at := slices.IndexFunc(values, func(v Value) bool { return v.Path == path })
		if at < 0 && path == "train.accumulate" {
			continue // 1 by default
		}
		if at < 0 {
			return 0
		}
		k, err := strconv.Atoi(values[at].Text)
		if err != nil || k < 1 || k > 1<<30/n {
			return 0
		}
		n *= k
	}
	return n
}

func flatten(y *yaml.Node, path string, sources map[int]string, all *[]Value) {
	join := func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }
	switch {
	case y.Kind == yaml.MappingNode:
		for i := 0; i < len(y.Content); i += 2 {
			flatten(y.Content[i+1], join(y.Content[i].Value), sources, all)
		}
	case y.Kind == yaml.SequenceNode &&
		(path == "augment" || strings.Count(path, ".") == 1 && strings.HasPrefix(path, "augment.")):
		for i, item := range y.Content {
			if path == "augment" {
				flatten(item, join(strconv.Itoa(i)), sources, all)
			} else {
				flatten(item, path, sources, all) // an op's name follows its view
			}
		}
	default:
		*all = append(*all, Value{Path: path, Text: plainText(y), Source: sources[y.Line]})
	}
}

// plainText returns text as the bytes it stands for, a path in other bytes than UTF-8 included. The items of a list
// stay YAML, since a list is read as such.
func plainText(y *yaml.Node) string {
	if y.Kind != yaml.SequenceNode {
		if b, err := base64.StdEncoding.DecodeString(y.Value); err == nil && y.ShortTag() == "!!binary" {
			return string(b)
		}
		return y.Value
	}
	parts := make([]string, len(y.Content))
	for i, item := range y.Content {
		switch item.ShortTag() {
		case "!!str", "!!binary":
			parts[i] = quote(plainText(item))
		default:
			parts[i] = plainText(item)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// comments collects the comments that follow values, by the line on which the value begins. The YAML package attaches
// the comment of a list or mapping on one line to the whole, but sources are looked up for each item. The key is
// therefore the line, not the node.
func comments(y *yaml.Node, of map[int]string) {
	if y.LineComment != "" {
		of[y.Line] = strings.TrimSpace(strings.TrimPrefix(y.LineComment, "#"))
	}
	for _, kid := range y.Content {
		comments(kid, of)
	}
}
