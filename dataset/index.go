// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// An index is the folders below one, as they were crawled, in a file of the cache. A folder is taken from it if its
// mark is still the same; else it is read again. Files are not looked at again: one that is written in place changes no
// folder. A few are, when the index is read; an image is read with the size that it has then; and before a run begins
// or goes on, all are (see listing.recheck).

// NoCacheVariable, if it is set and not empty, makes Open neither read nor write an index of a folder.
const NoCacheVariable = "PARALLAX_NO_CACHE"

const (
	indexMagic = "parallax folders 1\n"
	indexMost  = 1 << 30 // bytes of an index
	// indexSpot is how many files are looked at when an index is read.
	indexSpot = 256
	// indexDoubt is how long before a crawl a folder must have changed for the last time: in a time that is still the
	// same, by a clock that may be coarse, it may change once more.
	indexDoubt = 2 * time.Second
)

// indexLeast is the number of entries from which an index is kept: fewer are listed in a moment. Tests change it.
var indexLeast = 20_000

// indexed crawls the folder at top, or takes from its index what is still true. index is the index's path if entries
// are from it, "" if all were read now.
func indexed(top string, o Options) (found *crawled, index string) {
	c, err := openCache(o.CacheDir)
	if err != nil || os.Getenv(NoCacheVariable) != "" {
		return crawl(top, nil), ""
	}
	name := indexName(top)
	before := readIndex(c, name, top)
	found = crawl(top, before)
	if found.kept > 0 && !found.spot() {
		before, found = nil, crawl(top, nil)
	}
	if before == nil || found.fresh > 0 || len(found.folders) != len(before.folders) {
		found.write(c, name, top)
	}
	if found.kept > 0 {
		index = c.path(name)
	}
	return found, index
}

func indexName(top string) string {
	key := sha256.Sum256([]byte(top))
	base := strings.Trim(filepath.Base(top), "."+string(filepath.Separator))
	return fmt.Sprintf("%.40s-%x.index", base, key[:8])
}

// spot looks at some of the files and reports whether they are as the index says.
func (c *crawled) spot() bool {
	var all []string
	for path, f := range c.folders {
		if f.kept && len(f.entries) > 0 {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	for k := range indexSpot {
		path := all[k*len(all)/indexSpot]
		f := c.folders[path]
		e := f.entries[(k*7919)%len(f.entries)]
		if e.kind != entryFile {
			continue
		}
		info, err := os.Lstat(filepath.Join(path, e.name))
		if err != nil || !info.Mode().IsRegular() || info.Size() != e.size || info.ModTime().UnixNano() != e.modified {
			return false
		}
	}
	return true
}

// write keeps the index if it is worth it. What fails does not matter: the folder is listed anew then.
func (c *crawled) write(cache *cache, name, top string) {
	entries := 0
	for _, f := range c.folders {
		entries += len(f.entries)
	}
	if entries < indexLeast {
		_ = os.Remove(cache.path(name)) // of a folder that was larger
		return
	}
	text := c.bytes(top)
	if len(text) > indexMost || cache.make(int64(len(text))) != nil {
		return
	}
	_ = cache.write(name, indexMost, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// bytes is the file of the index: the magic, the path of the top, the folders, and a CRC-32C. Numbers are varints,
// texts have their lengths before them. Folders about which there is a doubt are left out.
func (c *crawled) bytes(top string) []byte {
	b := appendText([]byte(indexMagic), top)
	for _, path := range sortedKeys(c.folders) {
		f := c.folders[path]
		if f.err != nil || f.doubt(c.began) {
			continue
		}
		b = appendText(b, path)
		for _, v := range []int64{f.mark.modified, f.mark.changed, f.mark.size, f.mark.inode, f.mark.device} {
			b = binary.AppendVarint(b, v)
		}
		b = binary.AppendUvarint(b, uint64(len(f.entries)))
		for _, e := range f.entries {
			b = appendText(b, e.name)
			if b = append(b, byte(e.kind)); e.kind == entryFile {
				b = binary.AppendUvarint(b, uint64(e.size))
				b = binary.AppendVarint(b, e.modified)
			}
		}
	}
	return withChecksum(b)
}

func withChecksum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// doubt reports whether the folder may have changed after it was read without another mark, or has an entry that could
// not be looked at.
func (f *crawledFolder) doubt(began time.Time) bool {
	last := time.Unix(0, max(f.mark.modified, f.mark.changed))
	return f.mark == mark{} || !f.kept && last.After(began.Add(-indexDoubt)) ||
		slices.ContainsFunc(f.entries, func(e crawledEntry) bool { return e.err != nil })
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readIndex reads the index of the folder at top, nil if there is none or it is damaged.
func readIndex(c *cache, name, top string) *crawled {
	f, err := c.open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > indexMost {
		return nil
	}
	text := make([]byte, info.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil
	}
	return parseIndex(text, top)
}

// parseIndex reads what bytes writes, nil if it is anything else.
func parseIndex(text []byte, top string) *crawled {
	head := appendText([]byte(indexMagic), top)
	end := len(text) - 4
	if end < len(head) || !bytes.Equal(text[:len(head)], head) ||
		crc32.Checksum(text[:end], castagnoli) != binary.LittleEndian.Uint32(text[end:]) {
		return nil
	}
	c := &crawled{folders: map[string]*crawledFolder{}}
	p := indexParser{left: string(text[len(head):end])} // whose parts are the names, without a copy of each
	for len(p.left) > 0 {
		path := p.text()
		f := &crawledFolder{mark: mark{p.signed(), p.signed(), p.signed(), p.signed(), p.signed()}}
		n := p.number(int64(len(p.left) / 2)) // an entry takes two bytes
		f.entries = make([]crawledEntry, n)
		for i := range f.entries {
			e := &f.entries[i]
			e.name = p.text()
			if e.kind = entryKind(p.number(int64(entryKinds) - 1)); e.kind == entryFile {
				e.size, e.modified = p.number(math.MaxInt64), p.signed()
			}
		}
		if p.bad {
			return nil
		}
		c.folders[path] = f
	}
	return c
}

// indexParser reads an index. After a mistake all that it returns is zero.
type indexParser struct {
	left string
	bad  bool
}

// number reads a whole number of at most most.
func (p *indexParser) number(most int64) int64 {
	v := p.varint()
	if v > uint64(most) {
		p.bad, p.left = true, ""
		return 0
	}
	return int64(v)
}

// signed reads a number that may be below 0.
func (p *indexParser) signed() int64 {
	v := p.varint()
	return int64(v>>1) ^ -int64(v&1)
}

// varint is binary.Uvarint of a string.
func (p *indexParser) varint() uint64 {
	var v uint64
	for i := range min(len(p.left), binary.MaxVarintLen64) {
		b := p.left[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			p.left = p.left[i+1:]
			return v
		}
	}
	p.bad, p.left = true, ""
	return 0
}

func (p *indexParser) text() string {
	n := p.number(int64(len(p.left)))
	if n > int64(len(p.left)) {
		p.bad, p.left = true, ""
		return ""
	}
	s := p.left[:n]
	p.left = p.left[n:]
	return s
}

// recheck looks at the files at places if they were listed from an index, and sets their times. Files with another size
// are an error, because the fingerprint has their sizes: the index is removed, so that the next command lists anew.
func (l *listing) recheck(ctx context.Context, places []int) error {
	if l.index == "" {
		return nil
	}
	var next, wrong atomic.Int64
	var example atomic.Pointer[string]
	var workers sync.WaitGroup
	for range crawlers() {
		workers.Go(func() {
			for ctx.Err() == nil {
				lo := int(next.Add(statsAtOnce)) - statsAtOnce
				if lo >= len(places) {
					return
				}
				for _, i := range places[lo:min(lo+statsAtOnce, len(places))] {
					f := &l.files[i]
					info, err := os.Stat(l.path(f.name))
					if err == nil && info.Size() == f.size {
						f.modified = info.ModTime().UnixNano()
						continue
					}
					wrong.Add(1)
					example.CompareAndSwap(nil, &f.name)
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if n := wrong.Load(); n > 0 {
		_ = os.Remove(l.index)
		return fmt.Errorf("%d files, such as %s, were written in place since their folder was listed, and the list "+
			"is from then: give the command again, which lists the folder anew", n, printable.Name(*example.Load()))
	}
	return nil
}
