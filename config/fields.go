// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
)

// A Field is one configurable value of a struct.
type Field struct {
	Path string // the key, for example "temperature"; in a nested struct the keys joined by dots
	Text string // the value as the config file writes it
	Kind string // "number", "whole number", "true or false", "text" or "list"
}

// Fields lists the exported fields of the struct that v points to, as a config has them. For a new method it lists the
// hyperparameters with their defaults.
func Fields(v any) ([]Field, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("listing fields: want a pointer to a struct, have %T", v)
	}
	kids, err := structNodes("", p.Elem(), nil)
	if err != nil {
		return nil, err
	}
	var fields []Field
	for _, n := range (&node{kind: section, kids: kids}).leaves() {
		fields = append(fields, Field{Path: n.path, Text: text(n.value), Kind: wants(n.value)})
	}
	return fields, nil
}

func wants(v reflect.Value) string {
	switch {
	case hasText(v.Type()) || v.Kind() == reflect.String:
		return "text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt() || v.CanUint():
		return "whole number"
	case v.CanFloat():
		return "number"
	}
	return "list"
}
