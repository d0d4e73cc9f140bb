// SPDX-License-Identifier: Apache-2.0

// Package describe lists the hyperparameters of a method and its variants: their keys, their defaults, and the comments
// beside the fields in the source. The command prints them, and the methods' pages have them. The comments come from a
// generated table.
package describe

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/variant"
)

//go:generate go run ./table ../.. comments.go

// A Field is one hyperparameter, or a part of a method with its own hyperparameters, such as its projector. A part
// comes before its hyperparameters and has no default.
type Field struct {
	Name    string `json:"name"`              // its key below "method.": "temperature", "projector", "projector.widths"
	Default string `json:"default,omitempty"` // as in the config file
	Comment string `json:"comment"`           // its meaning
}

// Fields lists a method's hyperparameters in the order of a config.
func Fields(e method.Entry) ([]Field, error) {
	m := e.New()
	leaves, err := config.Fields(m)
	if err != nil {
		return nil, fmt.Errorf("describing method %s: %w", e.Name, err)
	}
	defaults := map[string]string{}
	for _, f := range leaves {
		defaults[f.Path] = f.Text
	}
	return fields(reflect.TypeOf(m).Elem(), "", defaults), nil
}

// Variants lists the changes that an experiment may make around a method, by their keys below "variant.".
func Variants(e method.Entry) ([]Field, error) {
	v := config.Default().Variant
	leaves, err := config.Fields(&v)
	if err != nil {
		return nil, fmt.Errorf("describing variants: %w", err)
	}
	defaults := map[string]string{}
	for _, f := range leaves {
		defaults[f.Path] = f.Text
	}
	keys := variant.Keys(e.New())
	return slices.DeleteFunc(fields(reflect.TypeOf(v), "", defaults), func(f Field) bool {
		key, _, _ := strings.Cut(f.Name, ".")
		return !slices.Contains(keys, key)
	}), nil
}

// fields walks a struct as a config does: exported fields, with those of an embedded struct as its own.
func fields(t reflect.Type, prefix string, defaults map[string]string) []Field {
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			all = append(all, fields(f.Type, prefix, defaults)...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		name := prefix + config.Key(f.Name)
		text, isLeaf := defaults[name]
		all = append(all, Field{name, text, comments[t.Name()+"."+f.Name]})
		if !isLeaf {
			all = append(all, fields(f.Type, name+".", defaults)...)
		}
	}
	return all
}
