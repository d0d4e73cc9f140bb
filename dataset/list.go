// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// A list names the images of a data set: CSV, TSV, lines of JSON, or plain lines of paths. The names of its columns,
// the first one that is there counts:
var (
	pathColumns  = strings.Fields("path file filename file_name filepath file_path image image_path img")
	labelColumns = strings.Fields("label class cls class_name label_name category target")
	splitColumns = strings.Fields("split subset partition")
)

// listEndings are the endings of lists, and what reads each.
var listEndings = map[string]func(name string, r *leash) (*listed, error){
	".csv": readTable, ".tsv": readTable, ".jsonl": readJSONLines, ".ndjson": readJSONLines,
	".txt": readPaths, ".lst": readPaths,
}

// listRow is a row of a list.
type listRow struct {
	line               int
	path, label, split string
}

// listed are the images that a list names.
type listed struct {
	dir            string // what relative paths are relative to
	rows           []listRow
	what           string // what the list is, in a sentence
	labels, splits bool   // the list has such a column
}

// openList opens the images that the list called name names.
func openList(name string, o Options) (*whole, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	shown := printable.Name(filepath.Base(name))
	l, err := listEndings[strings.ToLower(filepath.Ext(name))](shown, &leash{r: io.LimitReader(f, longestCSV+1)})
	if err != nil {
		return nil, err
	}
	switch at, err := f.Seek(0, io.SeekCurrent); {
	case err == nil && at > longestCSV:
		return nil, fmt.Errorf("the list has more than %s: split it", humanize.IBytes(longestCSV))
	case len(l.rows) == 0:
		return nil, errors.New("the list names no images")
	}
	l.dir, l.what = filepath.Dir(name), shown
	return l.open(o)
}

// open makes the data set. A file that is missing is an image that cannot be read; it is an error if all are.
func (l listed) open(o Options) (*whole, error) {
	files := &listing{kind: KindList, close: func() error { return nil }}
	w := &whole{kind: KindList, close: files.close, list: files, noClass: l.what + " has no column with labels"}
	rows, err := l.unique()
	if err != nil {
		return nil, err
	}
	missing := map[string]error{} // by name
	first := ""
	for _, r := range rows {
		f := file{name: r.path}
		switch info, err := os.Stat(l.place(r.path)); {
		case err == nil && info.Mode().IsRegular():
			f.size, f.modified = info.Size(), info.ModTime().UnixNano()
		case err == nil:
			missing[r.path] = l.at(r, "%s is no file", printable.Short(r.path))
		case errors.Is(err, os.ErrNotExist):
			missing[r.path] = l.at(r, "there is no file %s", printable.Short(r.path))
		default:
			missing[r.path] = l.at(r, "%w", err)
		}
		if len(missing) == 1 && first == "" {
			first = missing[r.path].Error()
		}
		files.files = append(files.files, f)
	}
	if n := len(missing); n == len(rows) {
		return nil, fmt.Errorf("%s; none of its %d rows names a file (paths are relative to the folder of the list, "+
			"and the columns are called path, label and split, or like them)", first, n)
	} else if n > 0 {
		w.notes = append(w.notes, fmt.Sprintf("%d of the %d files in %s cannot be read: %s", n, len(rows), l.what,
			first))
	}
	files.open = func(f file) (blob, error) {
		if err := missing[f.name]; err != nil {
			return nil, err
		}
		return os.Open(l.place(f.name))
	}
	l.fill(w, rows)
	without := l.what + " has no column with splits"
	if rows[0].line == 0 {
		without = "the files match a pattern"
	}
	w.arrange = w.given("by the column with splits in "+l.what, without)
	kept := make([]int, len(rows))
	for i := range kept {
		kept[i] = i
	}
	w.files = func(i int) []int { return kept[i : i+1] }
	w.decoded(kept, o)
	return w, nil
}

// fill sets the items, and the classes if the list has any.
func (l listed) fill(w *whole, rows []listRow) {
	names, labels := make([]string, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		names[i] = r.label
	}
	w.classes = numberValues(names, labels)
	w.from = l.what
	folder := commonFolder(rows)
	for i, r := range rows {
		w.items = append(w.items, item{name: r.path, split: r.split, rel: r.path[len(folder):],
			size: w.list.files[i].size, label: labels[i]})
	}
	if !l.labels { // the folders may be classes
		w.noClass = ""
	}
}

// commonFolder returns the folder that all paths lie in, "" or with a slash at its end. The rows are sorted.
func commonFolder(rows []listRow) string {
	first, last := rows[0].path, rows[len(rows)-1].path
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:strings.LastIndexByte(first[:n], '/')+1]
}

func (l listed) at(r listRow, format string, values ...any) error {
	if r.line == 0 { // no line: the file matched a pattern
		return fmt.Errorf(format, values...)
	}
	return fmt.Errorf(fmt.Sprintf("%s, line %d: ", l.what, r.line)+format, values...)
}

// place is where the file with the given path is.
func (l listed) place(name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, name)
}

// unique returns the rows, sorted by their paths, each path once.
func (l listed) unique() ([]listRow, error) {
	for i := range l.rows {
		r := &l.rows[i]
		switch {
		case r.path == "":
			return nil, l.at(*r, "the path is empty")
		case strings.Contains(r.path, "://"):
			return nil, l.at(*r, "%s is an address: download it first", printable.Short(r.path))
		case len(r.path) > 4096:
			return nil, l.at(*r, "the path has %d bytes, more than a path can have", len(r.path))
		case strings.ContainsRune(r.path, 0):
			return nil, l.at(*r, "the path has a byte 0")
		}
		r.path = path.Clean(filepath.ToSlash(r.path))
		if split := splitOf(r.split); split != "" || r.split == "" {
			r.split = split
		} else {
			return nil, l.at(*r, "the split %s is not train, val or test", printable.Short(r.split))
		}
	}
	rows := slices.Clone(l.rows)
	slices.SortStableFunc(rows, func(a, b listRow) int { return strings.Compare(a.path, b.path) })
	for i := 1; i < len(rows); i++ {
		if a, b := rows[i-1], rows[i]; a.path == b.path && (a.label != b.label || a.split != b.split) {
			return nil, l.at(b, "%s has another label or split than in line %d", printable.Short(b.path), a.line)
		}
	}
	return slices.CompactFunc(rows, func(a, b listRow) bool { return a.path == b.path }), nil
}

// begin returns a reader of a text of rows, behind its byte order mark.
func begin(r *leash) (*bufio.Reader, error) {
	r.left = longestRow
	b := bufio.NewReader(r)
	if mark, _ := b.Peek(3); string(mark) == "\ufeff" {
		if _, err := b.Discard(3); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readTable reads CSV or TSV. If the first row names a column of paths, it is the header; else the columns are path,
// label and split.
func readTable(name string, r *leash) (*listed, error) {
	b, err := begin(r)
	if err != nil {
		return nil, err
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	c.Comma = delimiter(b)
	l := &listed{}
	at := [3]int{0, 1, 2} // of the path, the label and the split
	for first := true; ; first = false {
		r.left = longestRow
		record, err := c.Read()
		if err == io.EOF {
			return l, nil
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("%s, line %d: %w", name, parse.Line, parse.Err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		if first {
			if column(record, pathColumns) >= 0 {
				at = [3]int{column(record, pathColumns), column(record, labelColumns), column(record, splitColumns)}
				l.labels, l.splits = at[1] >= 0, at[2] >= 0
				continue
			}
			if len(record) > len(at) {
				return nil, fmt.Errorf("%s, line %d: %d columns without a header: the header must name the column "+
					"path, and may name label and split", name, line, len(record))
			}
			l.labels, l.splits = len(record) > 1, len(record) > 2
		}
		row := listRow{line: line}
		for k, to := range []*string{&row.path, &row.label, &row.split} {
			if at[k] >= 0 && at[k] < len(record) {
				*to = strings.Clone(strings.TrimSpace(record[at[k]]))
			}
		}
		l.rows = append(l.rows, row)
	}
}

// delimiter is what separates the columns: a tab or a semicolon if the first line has one and no comma.
func delimiter(b *bufio.Reader) rune {
	head, _ := b.Peek(b.Size())
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, c := range "\t;" {
		if bytes.ContainsRune(line, c) && !bytes.ContainsRune(line, ',') {
			return c
		}
	}
	return ','
}

// column returns the place of the first of the names that a header has, -1 if it has none.
func column(header, names []string) int {
	for _, name := range names {
		for i, h := range header {
			if strings.EqualFold(strings.TrimSpace(h), name) {
				return i
			}
		}
	}
	return -1
}

// lines calls do with each line that is not blank, and its number.
func lines(name string, r *leash, do func(line int, text []byte) error) error {
	b, err := begin(r)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		r.left = longestRow
		text, err := b.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
			if err := do(n, trimmed); err != nil {
				return fmt.Errorf("%s, line %d: %w", name, n, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// readPaths reads a path from each line.
func readPaths(name string, r *leash) (*listed, error) {
	l := &listed{}
	return l, lines(name, r, func(line int, text []byte) error {
		l.rows = append(l.rows, listRow{line: line, path: string(text)})
		return nil
	})
}

// readJSONLines reads a JSON object from each line.
func readJSONLines(name string, r *leash) (*listed, error) {
	l := &listed{}
	return l, lines(name, r, func(line int, text []byte) error {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return fmt.Errorf("not a JSON object: %w", err)
		}
		row := listRow{line: line}
		for _, c := range []struct {
			names []string
			to    *string
			has   *bool
		}{{pathColumns, &row.path, new(bool)}, {labelColumns, &row.label, &l.labels},
			{splitColumns, &row.split, &l.splits}} {
			for _, key := range c.names {
				value, ok := fields[key]
				if !ok {
					continue
				}
				*c.has = true
				if err := asText(value, c.to); err != nil {
					return fmt.Errorf("the value of %s is neither a text nor a number", key)
				}
				break
			}
		}
		if row.path == "" {
			return errors.New("it names no file: the key must be path, file, file_name or image")
		}
		l.rows = append(l.rows, row)
		return nil
	})
}

// asText takes a JSON text, number or null as text.
func asText(value json.RawMessage, to *string) error {
	if string(value) == "null" || json.Unmarshal(value, to) == nil {
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(value, &n); err != nil {
		return err
	}
	*to = n.String()
	return nil
}
