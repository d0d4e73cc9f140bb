// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// label returns a label for every item according to mode (Options.Labels) and sets the source's Classes. The selected
// items decide what the automatic mode does; the class list covers all splits.
func (w *whole) label(mode string, selected []int, s *Source) ([]int, error) {
	labels := make([]int, len(w.items))
	for i := range labels {
		labels[i] = -1
	}
	files := w.kind == KindFolder || w.kind == KindTar
	switch {
	case mode == "none":
		return labels, nil
	case mode == "folders" && !files:
		return nil, fmt.Errorf("labels from folders need image files in folders, and this is %s: give --labels none, "+
			"or leave --labels out", w.kind)
	case mode == "folders":
		return labels, w.labelFolders(labels, selected, s)
	case mode == "" && files:
		if w.classFolders(selected) {
			return labels, w.labelFolders(labels, selected, s)
		}
		return labels, nil
	case mode == "":
		for i, it := range w.items {
			labels[i] = it.label
		}
		s.Classes = w.classes
		return labels, nil
	}
	return labels, w.labelCSV(labels, mode, selected, s)
}

// classFolders reports whether every selected file lies exactly one folder deep and there are at least two folders.
func (w *whole) classFolders(selected []int) bool {
	seen := map[string]bool{}
	for _, i := range selected {
		class, rest, ok := strings.Cut(w.items[i].rel, "/")
		if !ok || strings.Contains(rest, "/") {
			return false
		}
		seen[class] = true
	}
	return len(seen) >= 2
}

func (w *whole) labelFolders(labels, selected []int, s *Source) error {
	names := make([]string, len(w.items))
	for i, it := range w.items {
		// Files outside the splits belong to no class.
		if len(s.Splits) > 0 && it.split == "" && s.Split != SplitAll {
			continue
		}
		if class, _, ok := strings.Cut(it.rel, "/"); ok {
			names[i] = class
		}
	}
	s.Classes = number(names, labels)
	unknown := 0
	for _, i := range selected {
		if labels[i] < 0 {
			unknown++
		}
	}
	if unknown == len(selected) {
		return errors.New("labels from folders were asked for, and no image lies in a folder: give --labels " +
			"FILE.csv, or none")
	}
	if unknown > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d images lie in no class folder and have no label", unknown))
	}
	return nil
}

// number sorts the distinct non-empty names and writes the index of each item's name into labels.
func number(names []string, labels []int) []string {
	classes := slices.Clone(names)
	slices.Sort(classes)
	classes = slices.Compact(classes)
	if len(classes) > 0 && classes[0] == "" {
		classes = classes[1:]
	}
	for i, name := range names {
		labels[i] = -1
		if at, ok := slices.BinarySearch(classes, name); ok {
			labels[i] = at
		}
	}
	return classes
}

func (w *whole) labelCSV(labels []int, name string, selected []int, s *Source) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("labels %s: there is no such file (labels are none, folders, or a CSV file)", name)
	}
	if err != nil {
		return fmt.Errorf("labels %s: %w", name, err)
	}
	defer f.Close()
	rows, err := readCSV(name, io.LimitReader(f, longestCSV+1))
	if err != nil {
		return err
	}
	if at, err := f.Seek(0, io.SeekCurrent); err == nil && at > longestCSV {
		return fmt.Errorf("labels %s: more than %s, which no label file needs", name, humanize.IBytes(longestCSV))
	}
	// A row may name an image by its full name or by the part after its split.
	at := make(map[string]int, 2*len(w.items))
	for i, it := range w.items {
		if _, taken := at[it.rel]; taken && it.rel != it.name {
			at[it.rel] = ambiguous
		} else {
			at[it.rel] = i
		}
	}
	for i, it := range w.items {
		at[it.name] = i
	}
	names, given := make([]string, len(w.items)), make([]int, len(w.items))
	for _, row := range rows {
		i, ok := at[row.path]
		switch {
		case !ok:
			return fmt.Errorf("labels %s, line %d: the data has no image %s (paths are relative to the data)", name,
				row.line, row.path)
		case i == ambiguous:
			return fmt.Errorf("labels %s, line %d: several splits have an image %s: put the split's name before it",
				name, row.line, row.path)
		case given[i] != 0 && names[i] != row.label:
			return fmt.Errorf("labels %s, line %d: %s is %q here and %q in line %d", name, row.line, row.path,
				row.label, names[i], given[i])
		}
		names[i], given[i] = row.label, row.line
	}
	s.Classes = number(names, labels)
	unknown := 0
	for _, i := range selected {
		if labels[i] < 0 {
			unknown++
		}
	}
	if unknown > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of %d images have no label in %s", unknown, len(selected), name))
	}
	return nil
}

// longestCSV bounds a label file, whose rows are kept in memory: ten million rows.
const longestCSV = 512 << 20

// longestRow bounds what is read for one row of a label file: a quote that nothing closes, or a file that is no table,
// would be read into memory whole.
const longestRow = 1 << 20

// leash is a reader that fails when more than left bytes are read.
type leash struct {
	r    io.Reader
	left int
}

func (l *leash) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a row of more than %d bytes: it is no table of path,label, or a quote is not closed",
			longestRow)
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// ambiguous marks a path that several splits have.
const ambiguous = -1

// labelRow is a line of a label file.
type labelRow struct {
	line        int
	path, label string
}

// readCSV reads the columns path and label, with or without a header of these names. An empty label means unknown.
// Errors name the file and the line.
func readCSV(name string, r io.Reader) ([]labelRow, error) {
	input := &leash{r: r, left: longestRow}
	b := bufio.NewReader(input)
	if mark, _ := b.Peek(3); string(mark) == "\ufeff" {
		if _, err := b.Discard(3); err != nil {
			return nil, err
		}
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	var rows []labelRow
	for first := true; ; first = false {
		input.left = longestRow
		record, err := c.Read()
		if err == io.EOF {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("labels %s, line %d: %w", name, parse.Line, parse.Err)
		}
		if err != nil {
			return nil, fmt.Errorf("labels %s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		if len(record) != 2 {
			return nil, fmt.Errorf("labels %s, line %d: %d columns, but there must be two, path,label", name, line,
				len(record))
		}
		path, label := strings.TrimSpace(record[0]), strings.TrimSpace(record[1])
		if first && strings.EqualFold(path, "path") && strings.EqualFold(label, "label") {
			continue
		}
		if path == "" {
			return nil, fmt.Errorf("labels %s, line %d: the path is empty", name, line)
		}
		rows = append(rows, labelRow{line, strings.Clone(strings.TrimPrefix(path, "./")), strings.Clone(label)})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("labels %s: the file has no rows", name)
	}
	return rows, nil
}
