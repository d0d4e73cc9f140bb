// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/internal/machine"
)

// cache is a folder of unpacked files. Each is used again as long as it is there, and may be removed at any time: the
// file that a program has opened stays readable for it.
type cache struct {
	dir  string
	most int64 // bytes of all files together, unless one alone is larger
}

// CacheMost is how many bytes a cache has at most, if nobody gives another limit.
const CacheMost = 64 << 30

const (
	unpacking   = "unpacking-*.tmp" // files that are being written
	cacheRemedy = "set XDG_CACHE_HOME to a folder with space, or gunzip the file yourself"
	// cacheShare is the part that a cache takes of what would be free without it.
	cacheShare = 0.5
	// diskSpare is left free on the disk, for checkpoints and for other programs.
	diskSpare = 256 << 20
)

// openCache returns the cache in dir, or in the user's folder for caches if that is empty.
func openCache(dir string) (*cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding a cache folder to unpack into: %w (%s)", err, cacheRemedy)
		}
		dir = filepath.Join(base, "parallax")
	}
	return &cache{dir, CacheMost}, nil
}

func (c *cache) path(name string) string { return filepath.Join(c.dir, name) }

// open opens a file of the cache and marks it as used.
func (c *cache) open(name string) (*os.File, error) {
	f, err := os.Open(c.path(name))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_ = os.Chtimes(c.path(name), now, now) // in a cache of others it stays as old as it is
	return f, nil
}

// make makes room for a file of about the given size: it removes what was not used for longest until the cache is
// within its bounds, and returns an error if the disk is too full even so.
func (c *cache) make(size int64) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("making the cache folder: %w (%s)", err, cacheRemedy)
	}
	c.sweep()
	free, err := machine.FreeDisk(c.dir)
	if err != nil {
		return nil // then the disk says so itself
	}
	old, total := c.files()
	room := uint64(total) + free
	if uint64(size)+diskSpare > room {
		return fmt.Errorf("unpacking takes %s, and the disk of %s has %s left: %s", humanize.IBytes(uint64(size)),
			c.dir, humanize.IBytes(room), cacheRemedy)
	}
	for _, f := range old {
		if total+size <= c.most && float64(total+size) <= cacheShare*float64(room) &&
			uint64(size)+diskSpare <= room-uint64(total) {
			break
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
	return nil
}

// room returns an error if the disk is nearly full.
func (c *cache) room() error {
	free, err := machine.FreeDisk(c.dir)
	if err == nil && free < diskSpare {
		return fmt.Errorf("unpacking: the disk of %s has only %s left: %s", c.dir, humanize.IBytes(free), cacheRemedy)
	}
	return nil
}

// cached is a file of the cache.
type cached struct {
	path string
	size int64
	used time.Time
}

// files lists what the cache holds, what was not used for longest first.
func (c *cache) files() (list []cached, total int64) {
	names, _ := filepath.Glob(filepath.Join(c.dir, "*-*.tar"))
	plain, _ := filepath.Glob(filepath.Join(c.dir, "*-*.idx"))
	indexes, _ := filepath.Glob(filepath.Join(c.dir, "*-*.index"))
	for _, name := range slices.Concat(names, plain, indexes) {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, cached{name, info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(list, func(a, b cached) int { return a.used.Compare(b.used) })
	return list, total
}

// sweep removes files older than a day that killed programs left in the cache while unpacking.
func (c *cache) sweep() {
	old, _ := filepath.Glob(filepath.Join(c.dir, unpacking))
	for _, name := range old {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.Remove(name)
		}
	}
}

// errLimit is the error of what grows beyond its limit.
var errLimit = errors.New("larger than its limit")

// write makes a file of the cache, see writeWhole.
func (c *cache) write(name string, most int64, fill func(io.Writer) error) error {
	return writeWhole(c.path(name), most, c.room, fill)
}

// writeWhole makes a file of what fill writes, at most most bytes. It writes beside name and then renames, so a file
// called name is always whole. An error leaves nothing behind. writeWhole asks room, before each 16 MiB, whether the
// disk has space for more.
func writeWhole(name string, most int64, room func() error, fill func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), unpacking)
	if err != nil {
		return cacheError(err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	w := &cacheWriter{room: room, to: tmp, left: most}
	if err := fill(w); w.failed != nil {
		return w.failed // fill may have wrapped it in an error about what it reads
	} else if err != nil {
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return cacheError(err)
	}
	return os.Rename(tmp.Name(), name)
}

func cacheError(err error) error {
	return fmt.Errorf("unpacking into the cache: %w (%s)", err, cacheRemedy)
}

// cacheWriter writes a file of the cache, as long as the disk has room.
type cacheWriter struct {
	room    func() error
	to      io.Writer
	left    int64
	checked int64 // bytes until the disk is asked for room
	failed  error // of the first write that failed
}

func (w *cacheWriter) Write(p []byte) (n int, err error) {
	defer func() {
		if err != nil && w.failed == nil {
			w.failed = err
		}
	}()
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, errLimit
	}
	if w.checked -= int64(len(p)); w.checked < 0 {
		if err := w.room(); err != nil {
			return 0, err
		}
		w.checked = 16 << 20
	}
	if n, err = w.to.Write(p); err != nil {
		err = cacheError(err)
	}
	return n, err
}
