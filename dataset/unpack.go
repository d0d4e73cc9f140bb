// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A gzipped archive may grow to this much when unpacked: a fixed part, and a multiple of its own size. Images hardly
// compress; an archive that grows more is a mistake or an attack.
const (
	unpackFixed = 1 << 30
	unpackRatio = 64
)

// unpacked returns the plain archive of the gzipped one f, from the cache or unpacked into it now. The cache holds one
// plain .tar per archive, identified by path, size, time and content of both ends; its files are not unpacked to disk.
func unpacked(f *os.File, identity []byte, o Options) (*os.File, error) {
	dir := o.CacheDir
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding a cache folder to unpack into: %w (set XDG_CACHE_HOME, or gunzip the "+
				"archive yourself)", err)
		}
		dir = filepath.Join(base, "parallax")
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	full, err := filepath.Abs(f.Name())
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%x", full, info.Size(), info.ModTime().UnixNano(), identity))
	base, _, _ := strings.Cut(filepath.Base(full), ".")
	cached := filepath.Join(dir, fmt.Sprintf("%s-%x.tar", base, key[:8]))
	if plain, err := os.Open(cached); err == nil {
		return plain, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache folder: %w (set XDG_CACHE_HOME to a writable folder, or gunzip the "+
			"archive yourself)", err)
	}
	sweep(dir)
	if err := gunzipTo(cached, f, unpackFixed+unpackRatio*info.Size()); err != nil {
		return nil, err
	}
	return os.Open(cached)
}

// gunzipTo writes the content of the gzip stream r, at most limit bytes, into a new file beside name and then renames
// it, so that a file called name is always whole.
func gunzipTo(name string, r io.Reader, limit int64) (err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("not a readable gzip file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "unpacking-*.tmp")
	if err != nil {
		return fmt.Errorf("unpacking into the cache: %w (set XDG_CACHE_HOME to a writable folder, or gunzip the "+
			"archive yourself)", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	n, err := io.Copy(tmp, io.LimitReader(z, limit+1))
	var file *os.PathError
	switch {
	case errors.As(err, &file):
		return fmt.Errorf("unpacking into the cache: %w (set XDG_CACHE_HOME to a folder with space, or gunzip the "+
			"archive yourself)", err)
	case err != nil:
		return fmt.Errorf("the gzipped archive is cut short or damaged after %d bytes: %w (copy it again)", n, err)
	case n > limit:
		return fmt.Errorf("the gzipped archive holds more than %d bytes, %d times its size: gunzip it yourself if "+
			"that is right", limit, unpackRatio)
	}
	if err := tmp.Sync(); err != nil {
		return fmt.Errorf("unpacking into the cache: %w", err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("unpacking into the cache: %w", err)
	}
	return os.Rename(tmp.Name(), name)
}

// sweep removes files older than a day that killed programs left in the cache while unpacking.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, "unpacking-*.tmp"))
	for _, name := range old {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.Remove(name)
		}
	}
}
