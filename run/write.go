// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrUncertain is wrapped by an error of [WriteFile] when the new file is complete and in place, but a loss of power
// may still bring the old one back. After any other error the old file is in place.
var ErrUncertain = errors.New("written, but not known to be on disk")

// WriteFile replaces the file at path with what write writes, as a whole or not at all. It writes a temporary file in
// the same folder, syncs it, renames it and syncs the folder. An error leaves no temporary file behind. A crash may;
// [Open] removes the file then.
func WriteFile(path string, write func(io.Writer) error) error {
	folder, name := filepath.Split(path)
	temporary := filepath.Join(folder, temporaryName(name))
	if err := writeTemporary(temporary, write); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), removed(temporary))
	}
	err := Rename(temporary, path)
	if err != nil && !errors.Is(err, ErrUncertain) {
		return errors.Join(err, removed(temporary))
	}
	return err
}

// JSON writes v for [WriteFile], indented for people who look into the file.
func JSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}

// Rename durably gives a file or folder its final name in the same folder. The file must be complete and on disk. As
// with [WriteFile], an error that wraps [ErrUncertain] puts only the durability in doubt.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return Output("writing "+to, err)
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return fmt.Errorf("writing %s: %w: %w", to, ErrUncertain, err)
	}
	return nil
}

// writeTemporary writes a file. Its errors are marked as those of the output, except those that write itself makes.
func writeTemporary(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return outputError(err)
	}
	b := bufio.NewWriterSize(f, 1<<18)
	err = write(b)
	if failed := b.Flush(); err == nil || failed != nil { // a Writer repeats the file's first error
		err = outputError(failed)
	} else if IsOutput(err) {
		err = outputError(err)
	}
	if err == nil {
		err = outputError(f.Sync())
	}
	if closing := f.Close(); err == nil {
		err = outputError(closing)
	}
	return err
}

const temporaryMark = ".parallax-tmp-"

func temporaryName(name string) string {
	return "." + name + temporaryMark + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatUint(rand.Uint64(), 36)
}

// removed removes the file at path. A missing file is no error.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Output("removing "+path, err)
	}
	return nil
}

// RemoveTemporaries removes the files that a crash inside WriteFile left anywhere beneath folder.
func RemoveTemporaries(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && IsTemporary(d.Name()) {
			return removed(path)
		}
		return nil
	})
}

// IsTemporary reports whether a file of this name is one that WriteFile had not finished.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, temporaryMark)
}

// MakeFolder durably makes a folder, with its parents. A folder that exists is no error.
func MakeFolder(path string) error {
	var missing []string
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	for _, made := range missing {
		if err := syncDir(filepath.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// MakeWithin is [MakeFolder] without the parents: these may have been removed on purpose.
func MakeWithin(path string) error {
	err := os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names of the files in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
