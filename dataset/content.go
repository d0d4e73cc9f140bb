// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// The files of which a Content has hashes.
const (
	HashSample = "sample" // all files if they have up to contentWhole bytes, else contentSample of them
	HashAll    = "all"
)

// A core hashes a gigabyte of cached files in less than a second, so contentWhole bytes take about as long as a run
// needs to begin. A sample of contentSample files most likely has one of the changed ones if a thousandth has changed.
const (
	contentWhole  = 2 << 30
	contentSample = 4096
)

// Content says what the files of a Source contain, in the order of their names. It is kept beside a run, as lines of
// JSON, so that a resume sees whether they contain the same.
type Content []ContentFile

// ContentFile is one file of a Content: an image, an image in an archive, or a file of a format with many images.
type ContentFile struct {
	Name     filename.Name `json:"name"`
	Size     int64         `json:"size"`
	Modified int64         `json:"modified"`         // nanoseconds since 1970; of a file in an archive, the archive's
	SHA256   string        `json:"sha256,omitempty"` // "" if the file is not in the sample, or could not be read
}

// Content describes the files that hold the source's images and hashes those that mode says, HashSample or HashAll. A
// source without files, such as synthetic images, has no content.
func (s *Source) Content(ctx context.Context, mode string) (Content, error) {
	places := s.files()
	chosen := places
	if mode != HashAll {
		chosen = s.sample(places, contentWhole, contentSample)
	}
	return s.content(ctx, places, chosen)
}

// sample returns places, or if the files have more than whole bytes, some of the places: as many as most, which depend
// on the files' names alone.
func (s *Source) sample(places []int, whole int64, most int) []int {
	if s.size(places) <= whole || len(places) <= most {
		return places
	}
	rank := map[int]uint64{}
	for _, i := range places {
		h := fnv.New64a()
		h.Write([]byte(s.whole.list.files[i].name))
		rank[i] = h.Sum64()
	}
	byRank := func(a, b int) int { return cmp.Compare(rank[a], rank[b]) }
	return slices.SortedFunc(slices.Values(places), byRank)[:most]
}

// Like hashes the files of which before has hashes, so that the two can be compared.
func (s *Source) Like(ctx context.Context, before Content) (Content, error) {
	hashed := map[string]bool{}
	for _, f := range before {
		hashed[string(f.Name)] = f.SHA256 != ""
	}
	places := s.files()
	var chosen []int
	for _, i := range places {
		if hashed[s.whole.list.files[i].name] {
			chosen = append(chosen, i)
		}
	}
	return s.content(ctx, places, chosen)
}

// files returns the places in the listing of the files that hold the source's images, in increasing order.
func (s *Source) files() []int {
	sel, ok := s.Dataset.(*selection)
	if !ok || s.whole.list == nil {
		return nil
	}
	seen := make([]bool, len(s.whole.list.files))
	for _, i := range sel.index {
		for _, f := range s.whole.files(i) {
			seen[f] = true
		}
	}
	var places []int
	for f, in := range seen {
		if in {
			places = append(places, f)
		}
	}
	return places
}

func (s *Source) size(places []int) (total int64) {
	for _, i := range places {
		total += s.whole.list.files[i].size
	}
	return total
}

// content describes the files at places of the listing, and hashes the chosen ones.
func (s *Source) content(ctx context.Context, places, chosen []int) (Content, error) {
	if len(places) == 0 {
		return nil, nil
	}
	l := s.whole.list
	if err := l.recheck(ctx, places); err != nil {
		return nil, err
	}
	c := make(Content, len(places))
	at := map[int]*ContentFile{}
	for k, i := range places {
		c[k] = ContentFile{Name: filename.Name(l.files[i].name), Size: l.files[i].size, Modified: l.files[i].modified}
		at[i] = &c[k]
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chosen)) {
		workers.Go(func() {
			buffer := make([]byte, 1<<18)
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(chosen) {
					return
				}
				at[chosen[n]].SHA256 = l.hash(ctx, chosen[n], buffer)
			}
		})
	}
	workers.Wait()
	return c, context.Cause(ctx)
}

// hash returns the hash of file i, or "" if it cannot be read: then it is no image either.
func (l *listing) hash(ctx context.Context, i int, buffer []byte) string {
	if l.recorded != nil {
		return l.recorded(i)
	}
	b, err := l.open(l.files[i])
	if err != nil {
		return ""
	}
	defer b.Close()
	h := sha256.New()
	for at := int64(0); at < l.files[i].size && ctx.Err() == nil; {
		n, err := b.ReadAt(buffer[:min(int64(len(buffer)), l.files[i].size-at)], at)
		h.Write(buffer[:n])
		if at += int64(n); err != nil && at < l.files[i].size {
			return ""
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Digest is a hash of the names, sizes and hashes of the files. The times do not count.
func (c Content) Digest() string {
	h := sha256.New()
	b := bufio.NewWriter(h)
	for _, f := range c {
		fmt.Fprintf(b, "%q %d %s\n", string(f.Name), f.Size, f.SHA256)
	}
	if b.Flush() != nil {
		panic("a hash takes everything")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Write writes one line of JSON for each file.
func (c Content) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, f := range c {
		if err := e.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// ReadContent reads the file at path that [Content.Write] wrote.
func ReadContent(path string) (c Content, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var f ContentFile
		err := d.Decode(&f)
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: after %d files: %w", path, len(c), err)
		}
		c = append(c, f)
	}
}

// ContentChanges are the differences between two Contents, as names of files.
type ContentChanges struct {
	Changed, Added, Removed []string
	Unknown                 int // files with another time, of which there is no hash
}

// Changes compares the content of a source before with the content now, as [Source.Like] returns it.
func (c Content) Changes(now Content) (d ContentChanges) {
	was := make(map[filename.Name]ContentFile, len(c))
	for _, f := range c {
		was[f.Name] = f
	}
	for _, f := range now {
		old, known := was[f.Name]
		delete(was, f.Name)
		switch {
		case !known:
			d.Added = append(d.Added, string(f.Name))
		case old.Size != f.Size || old.SHA256 != "" && old.SHA256 != f.SHA256:
			d.Changed = append(d.Changed, string(f.Name))
		case old.SHA256 == "" && old.Modified != f.Modified:
			d.Unknown++
		}
	}
	for _, f := range c {
		if _, gone := was[f.Name]; gone {
			d.Removed = append(d.Removed, string(f.Name))
		}
	}
	return d
}

// Any reports whether a file has changed, come or gone.
func (d ContentChanges) Any() bool { return len(d.Changed)+len(d.Added)+len(d.Removed) > 0 }

// String returns for example `changed: "a.png", "b.png" and 3 more; added: "c.png"`.
func (d ContentChanges) String() string {
	var b bytes.Buffer
	for _, kind := range []struct {
		what  string
		names []string
	}{{"changed", d.Changed}, {"removed", d.Removed}, {"added", d.Added}} {
		if len(kind.names) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		const most = 5
		for k, name := range kind.names[:min(most, len(kind.names))] {
			b.WriteString([]string{kind.what + ": ", ", "}[min(k, 1)] + printable.Short(name))
		}
		if more := len(kind.names) - most; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
	}
	return b.String()
}
