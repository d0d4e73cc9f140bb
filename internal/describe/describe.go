// SPDX-License-Identifier: Apache-2.0

// Package describe says what the hyperparameters of a method are: their keys, their defaults, and the comments that stand
// beside the fields in the source. The program prints it and the methods' pages are made from it.
package describe

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"
	"sync"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
)

// A Field is one hyperparameter, or a part of a method that has hyperparameters of its own, such as its projector. A part
// stands before them and has no default.
type Field struct {
	Name    string `json:"name"`              // its key below "method.": "temperature", "projector", "projector.widths"
	Default string `json:"default,omitempty"` // as the config file would write it
	Comment string `json:"comment"`           // what it means
}

// Fields lists a method's hyperparameters in the order in which a config has them.
func Fields(e method.Entry) ([]Field, error) {
	m := e.New()
	leaves, err := run.Fields(m)
	if err != nil {
		return nil, fmt.Errorf("describing method %s: %w", e.Name, err)
	}
	comments, err := comments()
	if err != nil {
		return nil, fmt.Errorf("describing method %s: %w", e.Name, err)
	}
	defaults := map[string]string{}
	for _, f := range leaves {
		defaults[f.Path] = f.Text
	}
	return fields(reflect.TypeOf(m).Elem(), "", defaults, comments), nil
}

// fields walks a struct as a config does: exported fields, those of an embedded struct as its own.
func fields(t reflect.Type, prefix string, defaults map[string]string, comments map[string]string) []Field {
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			all = append(all, fields(f.Type, prefix, defaults, comments)...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		name := prefix + run.Key(f.Name)
		text, isLeaf := defaults[name]
		all = append(all, Field{name, text, comments[t.Name()+"."+f.Name]})
		if !isLeaf {
			all = append(all, fields(f.Type, name+".", defaults, comments)...)
		}
	}
	return all
}

// comments are those of the fields of all structs that hold hyperparameters, by "Type.Field".
var comments = sync.OnceValues(func() (map[string]string, error) {
	found := map[string]string{}
	for _, source := range []fs.FS{method.Source, nn.Source} {
		names, err := fs.Glob(source, "*.go")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(source, name)
			if err != nil {
				return nil, err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			read(file, found)
		}
	}
	return found, nil
})

// read adds the comments of a file's structs: what stands at the end of a field's line, or else above it.
func read(file *ast.File, found map[string]string) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range fields.Fields.List {
			comment := f.Comment
			if comment == nil {
				comment = f.Doc
			}
			for _, name := range f.Names {
				found[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(comment.Text()), " ")
			}
		}
		return true
	})
}
