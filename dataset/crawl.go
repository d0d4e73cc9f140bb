// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// crawled is what reading the folders below one found, by their paths.
type crawled struct {
	began       time.Time
	folders     map[string]*crawledFolder
	kept, fresh int // folders that are from an index, and that were read
}

// crawledFolder is a folder as it was read. Its mark was taken before.
type crawledFolder struct {
	mark    mark
	entries []crawledEntry
	err     error
	kept    bool // from an index
}

// crawledEntry is an entry of a folder. Size and modified are those of a regular file.
type crawledEntry struct {
	name     string
	kind     entryKind
	size     int64
	modified int64 // nanoseconds since 1970
	err      error // of looking at it
}

// entryKind is what an entry is. The index keeps it.
type entryKind byte

const (
	entryFile entryKind = iota
	entryFolder
	entryLink
	entryOther
	entryKinds
)

func kindOf(m fs.FileMode) entryKind {
	switch {
	case m.IsRegular():
		return entryFile
	case m.IsDir():
		return entryFolder
	case m&fs.ModeSymlink != 0:
		return entryLink
	}
	return entryOther
}

// crawlers is how many goroutines read folders and look at files: more than cores, since disks and networks answer
// slowly, and many questions at once.
func crawlers() int { return 4 * runtime.GOMAXPROCS(0) }

// statsAtOnce is how many files of a folder a goroutine looks at.
const statsAtOnce = 2048

// crawl reads the folder at top and those below it that are not hidden, several at a time. It does not follow links. A
// folder that has the same mark as before is taken from there; before may be nil.
func crawl(top string, before *crawled) *crawled {
	c := &crawled{began: time.Now(), folders: map[string]*crawledFolder{}}
	var mu sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, crawlers())
	// start runs work in a goroutine if there is a slot; else it does the work itself, so that no queue grows.
	start := func(work func()) {
		select {
		case slots <- struct{}{}:
			running.Go(func() {
				defer func() { <-slots }()
				work()
			})
		default:
			work()
		}
	}
	var folder func(path string)
	folder = func(path string) {
		now, err := markOf(path)
		if before != nil && err == nil {
			if f := before.folders[path]; f != nil && f.mark == now {
				f.kept = true
				mu.Lock()
				c.folders[path] = f
				c.kept++
				mu.Unlock()
				for _, e := range f.entries {
					if e.kind == entryFolder && !isHidden(e.name) {
						start(func() { folder(filepath.Join(path, e.name)) })
					}
				}
				return
			}
		}
		f := &crawledFolder{mark: now}
		var entries []fs.DirEntry
		if entries, f.err = readDir(path); f.err == nil {
			f.entries = make([]crawledEntry, len(entries))
		}
		mu.Lock()
		c.folders[path] = f
		c.fresh++
		mu.Unlock()
		for lo := 0; lo < len(entries); lo += statsAtOnce {
			hi := min(lo+statsAtOnce, len(entries))
			start(func() {
				for i := lo; i < hi; i++ {
					f.entries[i] = lookAt(entries[i])
				}
			})
		}
		for _, e := range entries {
			if e.IsDir() && !isHidden(e.Name()) {
				start(func() { folder(filepath.Join(path, e.Name())) })
			}
		}
	}
	folder(top)
	running.Wait()
	return c
}

// lookAt asks for the size of a regular file. For other entries the folder says enough.
func lookAt(e fs.DirEntry) crawledEntry {
	out := crawledEntry{name: e.Name(), kind: kindOf(e.Type())}
	if out.kind != entryFile {
		return out
	}
	info, err := e.Info()
	if err != nil {
		out.err = err
		return out
	}
	out.kind, out.size, out.modified = kindOf(info.Mode()), info.Size(), info.ModTime().UnixNano()
	return out
}

// read returns the entries of the folder at path: as they were crawled, or, of a folder behind a link, read now.
func (c *crawled) read(path string) ([]crawledEntry, error) {
	if f := c.folders[path]; f != nil {
		return f.entries, f.err
	}
	entries, err := readDir(path)
	if err != nil {
		return nil, err
	}
	all := make([]crawledEntry, len(entries))
	for i, e := range entries {
		all[i] = lookAt(e)
	}
	return all, nil
}
