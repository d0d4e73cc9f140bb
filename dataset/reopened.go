// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"io"
	"io/fs"
	"os"
)

// An archiveFile is the file of an archive while the archive is used.
type archiveFile interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Name() string
}

// reopened is a file that is opened for each read, so that a data set of thousands of archives holds no files open.
// While an archive is listed, in many small reads by one goroutine, the file stays open.
type reopened struct {
	path    string
	listing *os.File // nil once the archive is listed
}

func reopen(f *os.File) *reopened { return &reopened{path: f.Name(), listing: f} }

func (r *reopened) ReadAt(p []byte, off int64) (int, error) {
	if r.listing != nil {
		return r.listing.ReadAt(p, off)
	}
	f, err := os.Open(r.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(p, off)
}

func (r *reopened) Stat() (fs.FileInfo, error) { return os.Stat(r.path) }
func (r *reopened) Name() string               { return r.path }

// Close ends the listing of the archive; later reads open the file.
func (r *reopened) Close() error {
	if r.listing == nil {
		return nil
	}
	err := r.listing.Close()
	r.listing = nil
	return err
}
