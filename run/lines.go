// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// appendFile is a file that grows record by record. Its methods are safe for concurrent use. The file holds whole
// records only: when a write fails half-way, for example on a full disk, the file is cut back to its old length.
type appendFile struct {
	mu   sync.Mutex
	path string
	f    *os.File
	end  int64 // offset after the last whole record
}

// openAppend opens or makes the file at path. A file longer than keep bytes is cut to that length.
func openAppend(path string, keep int64) (*appendFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, Output("opening "+path, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > keep {
		size = keep
		err = errors.Join(f.Truncate(size), f.Sync())
	}
	if err == nil && size == 0 { // the file may be new
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(Output("opening "+path, err), f.Close())
	}
	return &appendFile{path: path, f: f, end: size}, nil
}

// Write appends one record.
func (a *appendFile) Write(record []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.f.WriteAt(record, a.end)
	if err != nil {
		// More bytes than n may have reached the file, so ask for its size.
		if info, statErr := a.f.Stat(); statErr == nil && info.Size() > a.end {
			err = errors.Join(err, a.f.Truncate(a.end))
		}
		return 0, Output("writing "+a.path, err)
	}
	a.end += int64(n)
	return n, nil
}

// cut removes what follows the first end bytes.
func (a *appendFile) cut(end int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if end >= a.end {
		return nil
	}
	if err := a.f.Truncate(end); err != nil {
		return Output("cutting "+a.path, err)
	}
	a.end = end
	return nil
}

// Sync makes what was written durable.
func (a *appendFile) Sync() error {
	if err := a.f.Sync(); err != nil {
		return Output("writing "+a.path, err)
	}
	return nil
}

// Close makes what was written durable and closes the file.
func (a *appendFile) Close() error {
	err := a.Sync()
	if closing := a.f.Close(); err == nil && closing != nil {
		err = Output("closing "+a.path, closing)
	}
	return err
}

// Append writes v as one line of JSON.
func (a *appendFile) Append(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return Output("writing "+a.path, err)
	}
	_, err = a.Write(append(b, '\n'))
	return err
}
