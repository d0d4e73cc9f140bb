// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// tableColumn is a column of values, one for each row.
type tableColumn struct {
	path    []string // of the value: a column, or a field of one
	index   int
	kind    parquet.Kind
	isText  bool
	classes []string // names of the values 0, 1, ...; nil: a value is a name
}

// table is what a Parquet file says of its columns.
type table struct {
	columns  []*tableColumn
	all      []string // the names of all columns at the top
	features map[string]feature
}

// feature is what Hugging Face's library says of a column (datasets.Features), under the key "huggingface" of a file's
// metadata.
type feature struct {
	Type  string   `json:"_type"`
	Names []string `json:"names"`
}

func tableOf(f *parquet.File) *table {
	t := &table{features: featuresOf(f)}
	for _, c := range f.Schema().Columns() {
		if !slices.Contains(t.all, c[0]) {
			t.all = append(t.all, c[0])
		}
		leaf, ok := f.Schema().Lookup(c...)
		if !ok || leaf.MaxRepetitionLevel > 0 {
			continue
		}
		kind := leaf.Node.Type()
		logical := kind.LogicalType()
		t.columns = append(t.columns, &tableColumn{path: c, index: leaf.ColumnIndex, kind: kind.Kind(),
			isText: logical != nil && strings.EqualFold(kind.String(), "STRING")})
	}
	return t
}

// featuresOf reads the features of the columns, none if the file has no such metadata.
func featuresOf(f *parquet.File) map[string]feature {
	text, ok := f.Lookup("huggingface")
	if !ok {
		return nil
	}
	var about struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(text), &about) != nil {
		return nil
	}
	all := map[string]feature{}
	for name, text := range about.Info.Features {
		var one feature
		if json.Unmarshal(text, &one) == nil { // lists of features are no objects
			all[name] = one
		}
	}
	return all
}

// image returns the column of images: one that Hugging Face's metadata calls so, or one of imageColumns, or the only
// one of bytes.
func (t *table) image() (*tableColumn, error) {
	var bytes []*tableColumn
	for _, c := range t.columns {
		isFile := len(c.path) == 2 && c.path[1] == "bytes"
		if c.kind == parquet.ByteArray && (isFile || len(c.path) == 1 && !c.isText) {
			bytes = append(bytes, c)
		}
	}
	for _, c := range bytes {
		if t.features[c.path[0]].Type == "Image" {
			return c, nil
		}
	}
	if c := named(bytes, imageColumns); c != nil {
		return c, nil
	}
	if len(bytes) == 1 {
		return bytes[0], nil
	}
	return nil, fmt.Errorf("it has no column with images: a column image must have the bytes of image files, or "+
		"structures with the fields bytes and path (its columns: %s)", printable.Names(t.all[:min(len(t.all), 12)]))
}

// label returns the column of labels, nil if there is none.
func (t *table) label(image *tableColumn) *tableColumn {
	var all, classes []*tableColumn
	for _, c := range t.columns {
		fits := c.kind == parquet.Int32 || c.kind == parquet.Int64 || c.kind == parquet.Boolean ||
			c.kind == parquet.ByteArray
		if len(c.path) != 1 || !fits || c == image {
			continue
		}
		all = append(all, c)
		if f := t.features[c.path[0]]; f.Type == "ClassLabel" && c.kind != parquet.ByteArray {
			if c.classes = f.Names; distinct(f.Names) {
				classes = append(classes, c)
			} else {
				c.classes = nil
			}
		}
	}
	names := slices.Concat(labelColumns, moreLabelColumns)
	for _, from := range [][]*tableColumn{classes, all} {
		if c := named(from, names); c != nil {
			return c
		}
	}
	if len(classes) > 0 {
		return classes[0]
	}
	return nil
}

func distinct(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(names) > 0 && sorted[0] != "" && len(slices.Compact(sorted)) == len(names)
}

// named returns the column with the first of the names that one has, nil if none does.
func named(columns []*tableColumn, names []string) *tableColumn {
	for _, name := range names {
		for _, c := range columns {
			if strings.EqualFold(c.path[0], name) {
				return c
			}
		}
	}
	return nil
}

// text returns a label as the name of a class, "" if it is not known.
func (c *tableColumn) text(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	n := int64(0)
	switch c.kind {
	case parquet.ByteArray:
		if text := v.ByteArray(); len(text) <= longestLabel && utf8.Valid(text) {
			return strings.TrimSpace(string(text))
		}
		return ""
	case parquet.Boolean:
		if v.Boolean() {
			n = 1
		}
	case parquet.Int32:
		n = int64(v.Int32())
	default:
		n = v.Int64()
	}
	switch {
	case c.classes == nil:
		return strconv.FormatInt(n, 10)
	case n >= 0 && n < int64(len(c.classes)):
		return c.classes[n]
	}
	return ""
}
