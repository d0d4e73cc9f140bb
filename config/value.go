// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// text returns a leaf's value as YAML on one line, in the shortest form that reads back as the same value.
func text(v reflect.Value) string {
	if hasText(v.Type()) {
		b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			// A value without a name is written as it is. Reading it back fails with the list of names.
			return quote(fmt.Sprint(v.Interface()))
		}
		return quote(string(b))
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return floatText(v.Float(), v.Type().Bits())
	case reflect.String:
		return quote(v.String())
	default: // a list: plain admits no other kind
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = text(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	case f == 0 && math.Signbit(f):
		return "-0.0" // "-0" would be the integer 0
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// quote returns s as a YAML scalar: bare if YAML cannot misread it, else in double quotes.
func quote(s string) string {
	if !utf8.ValidString(s) {
		return `!!binary "` + base64.StdEncoding.EncodeToString([]byte(s)) + `"` // a Unix path may have any bytes
	}
	if bare(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f || 0x80 <= r && r <= 0xa0 ||
			r == 0x2028 || r == 0x2029 || r == 0xfeff || 0xfff0 <= r && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func bare(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' || r == '/'
		if !letter && (i == 0 && r != '.' || !strings.ContainsRune("0123456789.-+@", r)) {
			return false
		}
	}
	n := yaml.Node{Kind: yaml.ScalarNode, Value: s}
	return s != "" && n.ShortTag() == "!!str"
}

// assign sets a leaf from its YAML form. The error names the value that was found and what is allowed.
func assign(v reflect.Value, path string, y *yaml.Node) error {
	wrong := func(want string) error {
		return fmt.Errorf("%s is %s, want %s", path, shown(y), want)
	}
	if hasText(v.Type()) {
		if y.Kind != yaml.ScalarNode || y.ShortTag() == "!!null" {
			return wrong("a name")
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(y.Value)); err != nil {
			return fmt.Errorf("%s is %s: %w", path, shown(y), err)
		}
		return nil
	}
	tag := ""
	if y.Kind == yaml.ScalarNode {
		tag = y.ShortTag()
	}
	switch v.Kind() {
	case reflect.Bool:
		if tag != "!!bool" {
			return wrong("true or false")
		}
		return decode(y, v, wrong("true or false"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if tag != "!!int" {
			return wrong("a whole number")
		}
		return decode(y, v, wrong("a whole number within its range"))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if tag != "!!int" {
			return wrong("a whole number, 0 or more")
		}
		return decode(y, v, wrong("a whole number, 0 or more"))
	case reflect.Float32, reflect.Float64:
		if tag != "!!int" && tag != "!!float" {
			return wrong("a number")
		}
		if err := decode(y, v, wrong("a number")); err != nil {
			return err
		}
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return wrong("a finite number")
		}
		return nil
	case reflect.String:
		switch tag {
		case "", "!!null":
			return wrong("text")
		case "!!binary":
			b, err := base64.StdEncoding.DecodeString(y.Value)
			if err != nil {
				return wrong("text, or !!binary and base64")
			}
			v.SetString(string(b))
		default:
			v.SetString(y.Value)
		}
		return nil
	}
	return assignList(v, path, y, wrong)
}

func assignList(v reflect.Value, path string, y *yaml.Node, wrong func(string) error) error {
	if y.Kind != yaml.SequenceNode {
		return wrong("a list in brackets")
	}
	if v.Kind() == reflect.Array {
		if len(y.Content) != v.Len() {
			return wrong(fmt.Sprintf("a list of %d", v.Len()))
		}
	} else if len(y.Content) == 0 {
		v.SetZero()
		return nil
	} else {
		v.Set(reflect.MakeSlice(v.Type(), len(y.Content), len(y.Content)))
	}
	for i, item := range y.Content {
		if err := assign(v.Index(i), fmt.Sprintf("%s[%d]", path, i), item); err != nil {
			return err
		}
	}
	return nil
}

// decode lets the YAML package read a number or bool whose tag fits. It returns wrong if the package refuses the value,
// for example because it is out of the type's range.
func decode(y *yaml.Node, v reflect.Value, wrong error) error {
	if err := y.Decode(v.Addr().Interface()); err != nil {
		return wrong
	}
	return nil
}

// shown returns a YAML value in short form for an error message, on one line.
func shown(y *yaml.Node) string {
	switch y.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return fmt.Sprintf("a list of %d", len(y.Content))
	case yaml.AliasNode:
		return "an alias"
	}
	if y.ShortTag() == "!!null" {
		return "empty"
	}
	if r := []rune(y.Value); len(r) > 60 {
		return strconv.Quote(string(r[:57]) + "...")
	}
	return strconv.Quote(y.Value)
}
