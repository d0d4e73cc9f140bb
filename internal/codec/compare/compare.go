// SPDX-License-Identifier: Apache-2.0

// Package compare holds package codec to Pillow's pixels, over a folder of files that scripts/images.py wrote.
package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/codec"
)

// A Case is a file and what Pillow makes of it: pixels, or a refusal.
type Case struct {
	File          string
	Mode          string // Pillow's mode of the file
	Width, Height int
	SHA256        string // of the RGB pixels; "": Pillow refuses the file
	Refused       string // why Pillow refuses the file
}

// deep reports whether the file has 16-bit grey. Pillow clips these at 255, which leaves a white image; codec keeps the
// high byte, as Pillow does for 16-bit RGB.
func (c Case) deep() bool {
	return strings.HasPrefix(c.Mode, "I;16") || c.Mode == "I" && strings.HasSuffix(c.File, ".pgm")
}

// Index is the file index.json of a folder.
type Index struct {
	Pillow string
	Seed   int
	Cases  []Case
}

// Result counts what became of the files, by format.
type Result struct {
	Pillow  string
	Formats map[string]*Count
	Notes   []string // a line for each file that was refused, or whose pixels differ
}

// Count is what became of the files of a format.
type Count struct {
	Files, Readable   int // of these Pillow reads Readable
	Equal, Deep       int // equal to Pillow's pixels; 16-bit grey, which is read by our own rule
	Refused, Differ   int // of what Pillow reads
	Also, OnlyRefused int // of what Pillow refuses: read by codec, refused by codec, too
}

// ReadIndex reads the index of a folder.
func ReadIndex(dir fs.FS) (index Index, err error) {
	text, err := fs.ReadFile(dir, "index.json")
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	return index, err
}

// Folder decodes every file of a folder and compares.
func Folder(dir fs.FS) (*Result, error) {
	index, err := ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	r := &Result{Pillow: index.Pillow, Formats: map[string]*Count{}}
	for _, c := range index.Cases {
		data, err := fs.ReadFile(dir, c.File)
		if err != nil {
			return nil, err
		}
		r.add(c, data)
	}
	return r, nil
}

// add decodes one file and counts it.
func (r *Result) add(c Case, data []byte) {
	format, _, _ := strings.Cut(strings.TrimSuffix(c.File, filepath.Ext(c.File)), "_")
	n := r.Formats[format]
	if n == nil {
		n = &Count{}
		r.Formats[format] = n
	}
	n.Files++
	img, err := codec.Decode(data, codec.Options{})
	if c.SHA256 == "" {
		if err == nil {
			n.Also++
			r.note(c, "is read, though Pillow refuses it: "+c.Refused)
		} else {
			n.OnlyRefused++
		}
		return
	}
	n.Readable++
	if err != nil {
		n.Refused++
		r.note(c, "refused: "+err.Error())
		return
	}
	sum := sha256.Sum256(img.Pix)
	switch {
	case c.deep() && img.W == c.Width && img.H == c.Height:
		n.Deep++
	case img.W != c.Width || img.H != c.Height:
		n.Differ++
		r.note(c, fmt.Sprintf("DIFFERS: %dx%d pixels, Pillow has %dx%d", img.W, img.H, c.Width, c.Height))
	case hex.EncodeToString(sum[:]) != c.SHA256:
		n.Differ++
		r.note(c, "DIFFERS: other pixels")
	default:
		n.Equal++
	}
}

func (r *Result) note(c Case, text string) { r.Notes = append(r.Notes, c.File+" ("+c.Mode+"): "+text) }

// Total sums the formats.
func (r *Result) Total() (t Count) {
	for _, n := range r.Formats {
		t.Files += n.Files
		t.Readable += n.Readable
		t.Equal += n.Equal
		t.Deep += n.Deep
		t.Refused += n.Refused
		t.Differ += n.Differ
		t.Also += n.Also
		t.OnlyRefused += n.OnlyRefused
	}
	return t
}

// Failed reports whether a file has other pixels than Pillow's, or less than 85 % of what Pillow reads is read.
func (r *Result) Failed() bool {
	t := r.Total()
	return t.Differ > 0 || 100*(t.Equal+t.Deep) < 85*t.Readable
}

// String is the table, after the lines for single files.
func (r *Result) String() string {
	var b strings.Builder
	for _, note := range r.Notes {
		fmt.Fprintln(&b, note)
	}
	fmt.Fprintf(&b, "%-8s %6s %15s %6s %14s %8s %8s\n", "format", "files", "Pillow "+r.Pillow, "equal", "16-bit grey",
		"refused", "differ")
	line := func(name string, n Count) {
		fmt.Fprintf(&b, "%-8s %6d %15d %6d %14d %8d %8d\n", name, n.Files, n.Readable, n.Equal, n.Deep, n.Refused,
			n.Differ)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Formats)) {
		line(name, *r.Formats[name])
	}
	line("all", r.Total())
	return b.String()
}
