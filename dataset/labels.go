// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// label returns a label for every item according to mode (Options.Labels) and sets the source's Classes. The selected
// items decide what the automatic mode does; the class list covers all splits.
func (w *whole) label(l *layout, mode string, selected []int, s *Source) ([]int, error) {
	labels := make([]int, len(w.items))
	for i := range labels {
		labels[i] = -1
	}
	files := w.arrange != nil
	f := &s.Facts
	switch {
	case mode == "none":
		f.ClassWhy = "data.labels is none"
		return labels, nil
	case mode == "folders" && !files:
		return nil, fmt.Errorf("labels from folders need image files in folders, and this is %s: give --labels none, "+
			"or leave --labels out", w.kind)
	case mode == "folders":
		return labels, labelFolders(l, labels, selected, s)
	case mode == "" && len(w.classes) == 0 && w.noClass != "":
		f.ClassWhy = w.noClass
		return labels, nil
	case mode == "" && files && len(w.classes) == 0:
		if f.ClassWhy = noClassFolders(l, selected); f.ClassWhy == "" {
			return labels, labelFolders(l, labels, selected, s)
		}
		return labels, nil
	case mode == "":
		for i, it := range w.items {
			labels[i] = it.label
		}
		s.Classes = w.classes
		if f.ClassesFrom = cmp.Or(w.from, string(w.kind)); len(s.Classes) == 0 {
			f.ClassesFrom, f.ClassWhy = "", "the files have none"
		}
		s.countClasses(l, labels)
		return labels, nil
	}
	return labels, w.labelCSV(l, labels, mode, selected, s)
}

// noClassFolders returns why the folders of the selected files are no classes, or "" if they are: if every file lies
// exactly one folder deep, and there are at least two folders.
func noClassFolders(l *layout, selected []int) string {
	seen := map[string]bool{}
	outside, deeper := 0, 0
	for _, i := range selected {
		class, rest, ok := strings.Cut(l.places[i].rel, "/")
		switch {
		case !ok:
			outside++
		case strings.Contains(rest, "/"):
			deeper++
		default:
			seen[class] = true
		}
	}
	switch n := len(selected); {
	case outside == n:
		return "no class folders"
	case outside > 0:
		return fmt.Sprintf("%d of them lie in no folder: --labels folders takes the others' folders as classes",
			outside)
	case deeper > 0:
		return "folders lie in the folders: --labels folders takes the outer ones as classes"
	case len(seen) < 2:
		return "they lie in one folder"
	}
	return ""
}

func labelFolders(l *layout, labels, selected []int, s *Source) error {
	names := make([]string, len(labels))
	for i, p := range l.places {
		// Files outside the splits belong to no class.
		if p.out || len(s.Splits) > 0 && p.split == "" && s.Split != SplitAll {
			continue
		}
		if class, _, ok := strings.Cut(p.rel, "/"); ok {
			names[i] = class
		}
	}
	s.Classes = number(names, labels)
	s.Facts.ClassesFrom = "folders"
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
	s.countClasses(l, labels)
	s.compareClasses(l, labels)
	return nil
}

// countClasses counts the classes of every split, and notes when no class has two images.
func (s *Source) countClasses(l *layout, labels []int) {
	images := make([]int, len(s.Classes))
	for i, c := range labels {
		if p := l.places[i]; c >= 0 && !p.out && (s.Split == "" || s.Split == SplitAll || p.split == s.Split) {
			images[c]++
		}
	}
	if len(images) > 1 && slices.Max(images) == 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("each of the %d classes has a single image: no accuracy can be measured",
			len(images)))
	}
	for k := range s.Facts.Splits {
		f := &s.Facts.Splits[k]
		f.Classes = len(s.classesOf(l, labels, f.Name))
	}
}

// classesOf returns the names of the classes of a split's images.
func (s *Source) classesOf(l *layout, labels []int, split string) []string {
	has := make([]bool, len(s.Classes))
	for i, p := range l.places {
		if p.split == split && labels[i] >= 0 {
			has[labels[i]] = true
		}
	}
	var names []string
	for c, name := range s.Classes {
		if has[c] {
			names = append(names, name)
		}
	}
	return names
}

// compareClasses notes splits whose images have other classes than those of the split taken, or none.
func (s *Source) compareClasses(l *layout, labels []int) {
	own := s.classesOf(l, labels, s.Split)
	if len(own) == 0 {
		return
	}
	without := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
	}
	for _, f := range s.Facts.Splits {
		other := s.classesOf(l, labels, f.Name)
		missing, more := without(own, other), without(other, own)
		var parts []string
		if len(missing) > 0 {
			parts = append(parts, fmt.Sprintf("only in %s: %s", s.Split, firstNames(missing)))
		}
		if len(more) > 0 {
			parts = append(parts, fmt.Sprintf("only in %s: %s", f.Name, firstNames(more)))
		}
		switch {
		case len(other) == 0:
			s.Notes = append(s.Notes, fmt.Sprintf("the %d images of %s lie in no class folders and have no labels",
				f.Images, f.Name))
		case len(parts) > 0:
			s.Notes = append(s.Notes, fmt.Sprintf("%s and %s have other classes: %s", s.Split, f.Name,
				strings.Join(parts, "; ")))
		}
	}
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

func (w *whole) labelCSV(l *layout, labels []int, name string, selected []int, s *Source) error {
	shown := printable.Name(name)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("labels %s: there is no such file (labels are none, folders, or a CSV file)", shown)
	}
	if err != nil {
		return fmt.Errorf("labels %s: %w", shown, err)
	}
	defer f.Close()
	rows, err := readCSV(shown, io.LimitReader(f, longestCSV+1))
	if err != nil {
		return err
	}
	if at, err := f.Seek(0, io.SeekCurrent); err == nil && at > longestCSV {
		return fmt.Errorf("labels %s: more than %s, which no label file needs", shown, humanize.IBytes(longestCSV))
	}
	find := w.finder(l)
	names, given := make([]string, len(w.items)), make([]int, len(w.items))
	var lost []labelRow
	for _, row := range rows {
		i := find(row.path)
		switch {
		case i == unknown:
			lost = append(lost, row)
			continue
		case i == severalSplits:
			return fmt.Errorf("labels %s, line %d: several splits have an image %s: put the split's name before it",
				shown, row.line, printable.Name(row.path))
		case given[i] != 0 && names[i] != row.label:
			return fmt.Errorf("labels %s, line %d: %s is %q here and %q in line %d", shown, row.line,
				printable.Name(row.path), row.label, names[i], given[i])
		}
		names[i], given[i] = row.label, row.line
	}
	if len(lost) > 0 {
		return w.lostRows(shown, rows, lost)
	}
	s.Classes = number(names, labels)
	s.Facts.ClassesFrom = name
	without := 0
	for _, i := range selected {
		if labels[i] < 0 {
			without++
		}
	}
	if without > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of %d images have no label in %s", without, len(selected), shown))
	}
	s.countClasses(l, labels)
	return nil
}

// What a finder returns for a path that names no image, or images in several splits.
const (
	unknown       = -1
	severalSplits = -2
)

// finder returns a function that finds an item by the path in a row: the image's whole name, or the part of it below
// its split, or below a folder that holds everything.
func (w *whole) finder(l *layout) func(path string) int {
	at := make(map[string]int, 2*len(w.items))
	for i, p := range l.places {
		if p.out {
			continue
		}
		if _, taken := at[p.rel]; taken && p.rel != w.items[i].name {
			at[p.rel] = severalSplits
		} else {
			at[p.rel] = i
		}
	}
	if l.root != "" {
		for i, it := range w.items {
			at[strings.TrimPrefix(it.name, l.root)] = i
		}
	}
	for i, it := range w.items {
		at[it.name] = i
	}
	return func(path string) int {
		if i, ok := at[path]; ok {
			return i
		}
		return unknown
	}
}

// lostRows is the error of rows that name no image. lost is some of rows.
func (w *whole) lostRows(name string, rows, lost []labelRow) error {
	first := lost[0]
	of := fmt.Sprintf("%d of its %d rows name no image", len(lost), len(rows))
	switch {
	case len(lost) == len(rows):
		of = "none of its rows names an image"
	case len(lost) == 1 && first.line == rows[0].line:
		of = "if it is a header, it must be path,label"
	}
	return fmt.Errorf("labels %s, line %d: the data has no image %s (paths are relative to the data, such as %s); %s",
		name,
		first.line, printable.Name(first.path), printable.Name(w.items[0].name), of)
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
