// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// A BadImage is an image that could not be read, and why.
type BadImage struct {
	Index  int    `json:"index"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Limits on bad images. More than badFew and more than a share of the data set, or badRun one after another, mean that
// the data set is broken rather than a few files.
const (
	badFew = 20
	badRun = 100
	// DefaultMaxUnreadable is the share of a data set's images that may be bad if nobody gave another one.
	DefaultMaxUnreadable = 0.01
)

// A Quarantine remembers the images of one data set that could not be read. They are not tried again. It is safe for
// concurrent use.
type Quarantine struct {
	// Setting is how a user gives the share, before its value, for the error of too many bad images. Empty is
	// "--set data.max_unreadable=".
	Setting string

	mu     sync.Mutex
	images int
	share  float64 // of the images that may be bad
	bad    map[int]BadImage
	run    int      // failed images since the last one that was read
	path   string   // of the list, "" for none
	file   *os.File // the list, once it has an entry
}

// NewQuarantine returns a quarantine for a data set of the given number of images. If path is not empty, every entry is
// appended to that file as it happens, as a line of JSON, {"index", "name", "reason"}; without a bad image there is no
// file. Entries already in the file (of the run that is being resumed) count from the start.
func NewQuarantine(images int, path string) (*Quarantine, error) {
	q := &Quarantine{images: images, share: DefaultMaxUnreadable, bad: map[int]BadImage{}, path: path}
	if path == "" {
		return q, nil
	}
	whole, err := q.load(path)
	if err != nil {
		return nil, fmt.Errorf("reading the quarantine list %s: %w", path, err)
	}
	if len(q.bad) > 0 {
		if err := q.open(whole); err != nil {
			return nil, fmt.Errorf("opening the quarantine list: %w", err)
		}
	}
	return q, nil
}

// Allow sets the share of the images that may be bad, from 0 (none) to 1 (all but one), before the quarantine is used.
// The default is [DefaultMaxUnreadable], of which 20 images are allowed in any case. With a larger share any number of
// images may be bad one after another.
func (q *Quarantine) Allow(share float64) { q.share = share }

// inRow is how many bad images one after another mean that the data set is broken.
func (q *Quarantine) inRow() int {
	if q.share > DefaultMaxUnreadable {
		return max(badRun, q.images)
	}
	return badRun
}

// open opens the list after its last whole line. It drops a line that a killed run left unfinished.
func (q *Quarantine) open(whole int64) error {
	f, err := os.OpenFile(q.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		path.Op = "write" // "open" would not say whether the list or an image cannot be opened
	}
	if err != nil {
		return err
	}
	if err = f.Truncate(whole); err == nil {
		_, err = f.Seek(whole, 0)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	q.file = f
	return nil
}

// load reads the entries of an existing file and returns the length of its whole lines.
func (q *Quarantine) load(path string) (whole int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for line := 1; ; line++ {
		text, err := r.ReadString('\n')
		if err != nil {
			return whole, nil
		}
		var b BadImage
		if err := json.Unmarshal([]byte(text), &b); err != nil || b.Index < 0 || b.Index >= q.images {
			return 0, fmt.Errorf("line %d is not an entry for one of %d images: remove the file to start the list "+
				"anew", line, q.images)
		}
		q.bad[b.Index] = b
		whole += int64(len(text))
	}
}

// Add records that image index cannot be used. It returns an error when there are now too many bad images, or when the
// list cannot be written. It does not record an image twice.
func (q *Quarantine) Add(index int, name string, reason error) error {
	var image *ImageError
	if errors.As(reason, &image) {
		reason = image.Err // the entry has the name
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, known := q.bad[index]; known {
		return nil
	}
	b := BadImage{index, name, reason.Error()}
	q.bad[index] = b
	q.run++
	if q.path != "" {
		if err := q.write(b); err != nil {
			return fmt.Errorf("writing the quarantine list: %w", err)
		}
	}
	switch n := len(q.bad); {
	case q.run >= q.inRow():
		return q.tooMany(fmt.Sprintf("%d images in a row cannot be read", q.run))
	case TooMany(n, q.images, q.share):
		return q.tooMany(fmt.Sprintf("%d of %d images cannot be read, more than %g %%", n, q.images, 100*q.share))
	case n == q.images:
		return q.tooMany("no image can be read")
	}
	return nil
}

// TooMany reports whether so many bad images end a run when a share of the images may be bad, as in
// [Quarantine.Allow].
func TooMany(bad, images int, share float64) bool {
	few := badFew
	if share == 0 {
		few = 0
	}
	return bad > few && float64(bad) > share*float64(images)
}

// write appends an entry to the list, which it opens for the first one.
func (q *Quarantine) write(b BadImage) error {
	if q.file == nil {
		if err := q.open(0); err != nil {
			return err
		}
	}
	line, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = q.file.Write(append(line, '\n'))
	return err
}

// tooMany is the error that ends a run; it names the first few images by index, the list, and what to do.
func (q *Quarantine) tooMany(what string) error {
	list := q.list()
	var few []string
	for _, b := range list[:min(len(list), 3)] {
		few = append(few, fmt.Sprintf("%s (%s)", printable.Name(b.Name), b.Reason))
	}
	more := ""
	if len(list) > len(few) {
		more = " ..."
	}
	if q.path != "" {
		more += "; " + printable.Name(q.path) + " has them all"
	}
	remedy := "repair or remove them"
	if len(q.bad) < q.images {
		remedy += ", or allow a larger share with " + cmp.Or(q.Setting, "--set data.max_unreadable=") + "0.1"
		if q.share >= 0.1 {
			remedy = strings.Replace(remedy, "0.1", "0.9", 1)
		}
	}
	return fmt.Errorf("%s: %s%s; %s", what, strings.Join(few, ", "), more, remedy)
}

// good notes that an image was read, which ends a series of bad ones.
func (q *Quarantine) good() {
	q.mu.Lock()
	q.run = 0
	q.mu.Unlock()
}

// Has reports whether image index is known to be bad.
func (q *Quarantine) Has(index int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, known := q.bad[index]
	return known
}

// Len returns the number of bad images so far.
func (q *Quarantine) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.bad)
}

// All returns the bad images so far, by index.
func (q *Quarantine) All() []BadImage {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list()
}

// list is All for the holder of the lock.
func (q *Quarantine) list() []BadImage {
	list := make([]BadImage, 0, len(q.bad))
	for _, b := range q.bad {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b BadImage) int { return a.Index - b.Index })
	return list
}

// Close closes the list's file.
func (q *Quarantine) Close() error {
	if q.file == nil {
		return nil
	}
	return q.file.Close()
}
