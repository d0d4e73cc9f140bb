// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"github.com/parallax-ssl/parallax/run"
)

// The kinds of folder that are shown.
const (
	kindRun        = "run"
	kindClustering = "clustering"
	kindLaboratory = "laboratory"
	kindSweep      = "sweep"
)

// marks are the files by which a folder is recognised, in this order.
var marks = []struct{ file, kind string }{
	{run.ConfigFile, kindRun}, {"cluster.json", kindClustering}, {"lab.json", kindLaboratory},
	{"sweep.json", kindSweep},
}

// A place is a folder that the server was given. Nothing outside of it is opened, whatever links lead there.
type place struct {
	root *os.Root
	path string // absolute
	name string // as given
}

// A folder is a run, a clustering or a laboratory in a place.
type folder struct {
	id    string // of 12 hexadecimal digits, the same in every process
	kind  string
	in    string // the id of the clustering or laboratory around it
	place *place
	at    string // below the place, with slashes; "." is the place itself
}

// name is the folder's path as the user would type it.
func (f *folder) name() string { return filepath.Join(f.place.name, filepath.FromSlash(f.at)) }

// dir is the folder's absolute path, for the command line of a reader and for packages that take paths.
func (f *folder) dir() string { return filepath.Join(f.place.path, filepath.FromSlash(f.at)) }

// open opens a file of the folder. A pipe or a device, whose reading might never end, is none.
func (f *folder) open(name string) (*os.File, error) {
	info, err := f.stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return f.place.root.Open(filepath.FromSlash(path.Join(f.at, name)))
}

// contained returns an error if a link in the folder leads out of the place. It is for packages that open paths.
func (f *folder) contained() error {
	return fs.WalkDir(f.place.root.FS(), f.at, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return nil // what cannot be listed cannot be read
		}
		if _, err := f.place.root.Stat(filepath.FromSlash(at)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(http.StatusUnprocessableEntity, "%s is a link out of the folder that the dashboard shows: "+
				"name the folder with both", at)
		}
		return nil
	})
}

// stat describes a file of the folder.
func (f *folder) stat(name string) (os.FileInfo, error) {
	return f.place.root.Stat(filepath.FromSlash(path.Join(f.at, name)))
}

// mostText bounds the text files that are read as a whole.
const mostText = 4 << 20

// text reads a file of the folder.
func (f *folder) text(name string) ([]byte, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostText+1))
	if err == nil && len(text) > mostText {
		err = fmt.Errorf("%s has more than %d MiB", name, mostText>>20)
	}
	return text, err
}

// openPlace opens a folder that the user named.
func openPlace(name string) (*place, error) {
	full, err := filepath.Abs(name)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(full)
	if err != nil {
		return nil, err
	}
	return &place{root, full, name}, nil
}

// idOf returns the id of the folder at a path.
func idOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:6])
}

// Bounds of a search, so that a folder of images does not hold it up.
const (
	mostFolders = 200_000
	mostEntries = 20_000 // of one folder
	deepest     = 24
)

// search calls found for every folder of a known kind in the place, those around others first. It reports whether it
// looked everywhere.
func (p *place) search(found func(*folder)) (whole bool) {
	whole = true
	looked := 0
	var walk func(at, in string, depth int)
	walk = func(at, in string, depth int) {
		if looked++; looked > mostFolders || depth > deepest {
			whole = false
			return
		}
		for _, m := range marks {
			f := &folder{kind: m.kind, in: in, place: p, at: at}
			if info, err := f.stat(m.file); err != nil || !info.Mode().IsRegular() {
				continue
			}
			f.id = idOf(f.dir())
			found(f)
			if f.kind == kindRun {
				return
			}
			in = f.id
			break
		}
		names, all := p.folders(at)
		whole = whole && all
		for _, name := range names {
			walk(path.Join(at, name), in, depth+1)
		}
	}
	walk(".", "", 0)
	return whole
}

// folders returns the names of the folders in one, and whether these are all.
func (p *place) folders(at string) (names []string, all bool) {
	f, err := p.root.Open(filepath.FromSlash(at))
	if err != nil {
		return nil, !errors.Is(err, fs.ErrPermission)
	}
	defer f.Close()
	for seen := 0; seen < mostEntries; {
		entries, err := f.ReadDir(1000)
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, e.Name())
			}
		}
		if err != nil {
			return names, true
		}
		seen += len(entries)
	}
	return names, false
}
