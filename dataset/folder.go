// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The reasons for which a link, or a file like one, is left out of a folder.
const (
	becauseDangling = "links to nothing, or gone while listing"
	becauseListed   = "links to folders that are listed already"
	becauseAbove    = "links to a folder above the data"
)

// readDir lists a folder. Tests replace it: they run as a user whom no folder refuses.
var readDir = os.ReadDir

// listFolder lists the regular files of root's folder sub ("" for root itself), with their names below root. It follows
// links. If deep, it lists the folders below, too, each of them once: a link to a folder that is listed already is left
// out, so that the walk ends. A folder that may not be read is left out.
//
// A folder of many files, with those below it, is kept in an index in o's cache. The next time only its folders are
// looked at, and not its files.
func listFolder(root, sub string, deep bool, o Options) (*listing, error) {
	top := filepath.Join(root, filepath.FromSlash(sub))
	resolved, err := filepath.EvalSymlinks(top)
	if err != nil {
		return nil, err
	}
	if resolved, err = filepath.Abs(resolved); err != nil {
		return nil, err
	}
	l := &listing{kind: KindFolder, close: func() error { return nil }}
	w := walk{l: l, root: root, deep: deep, seen: map[string]bool{}, found: &crawled{}}
	if deep {
		w.found, l.index = indexed(resolved, o)
	}
	prefix := sub
	if prefix != "" {
		prefix += "/"
	}
	if err := w.folder(prefix, resolved); err != nil {
		return nil, fmt.Errorf("listing %s: %w", top, err)
	}
	// Real folders come first, so that a folder keeps its own name, whatever the names of links to it.
	for len(w.links) > 0 {
		link := w.links[0]
		w.links = w.links[1:]
		if err := w.follow(link, resolved); err != nil {
			return nil, fmt.Errorf("listing %s: %w", w.path(link), err)
		}
	}
	l.sort()
	l.open = func(f file) (blob, error) { return os.Open(w.path(f.name)) }
	l.path = w.path
	return l, nil
}

// walk is the walk through a folder. Names are slash-separated and below root.
type walk struct {
	l     *listing
	root  string
	deep  bool
	seen  map[string]bool // the folders listed so far, by their paths without links
	links []string        // links to folders that are not followed yet
	found *crawled
}

func (w *walk) path(name string) string { return filepath.Join(w.root, filepath.FromSlash(name)) }

// folder lists the folder called prefix, which ends with a slash unless it is the root. resolved is its path without
// links. An error is one of that folder itself; a folder below it that may not be read is left out.
func (w *walk) folder(prefix, resolved string) error {
	w.seen[resolved] = true
	entries, err := w.found.read(resolved)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := prefix + e.name
		if e.kind == entryFolder {
			below := filepath.Join(resolved, e.name)
			switch {
			case !w.deep:
			case isHidden(e.name):
				w.l.skipped.folder(becauseHidden, name)
			case w.seen[below]:
				w.l.skipped.folder("listed already, through a link", name)
			default:
				if err := w.tolerate(name, w.folder(name+"/", below)); err != nil {
					return err
				}
			}
			continue
		}
		if e.kind == entryLink {
			var info fs.FileInfo
			if info, e.err = os.Stat(w.path(name)); e.err == nil {
				e.kind, e.size, e.modified = kindOf(info.Mode()), info.Size(), info.ModTime().UnixNano()
			}
		}
		switch {
		case errors.Is(e.err, fs.ErrPermission):
			w.l.skipped.add(becauseUnreadable, name)
		case e.err != nil:
			w.l.skipped.add(becauseDangling, name)
		case e.kind == entryFolder:
			if w.deep {
				w.links = append(w.links, name)
			}
		case e.kind != entryFile:
			w.l.skipped.add("not regular files", name)
		default:
			w.l.files = append(w.l.files, file{name, e.size, e.modified})
		}
	}
	return nil
}

// tolerate leaves out a folder that cannot be listed because of its permissions, or because it is gone. Other errors,
// such as those of a disk, are returned.
func (w *walk) tolerate(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		w.l.skipped.folder(becauseUnreadable, name)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.l.skipped.folder("gone while listing", name)
		return nil
	}
	return err
}

// follow lists the folder to which a link leads, under the link's name. top is the path of all data, without links.
func (w *walk) follow(link, top string) error {
	resolved, err := filepath.EvalSymlinks(w.path(link))
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	switch {
	case err != nil:
		return w.tolerate(link, err)
	case isHidden(link):
		w.l.skipped.folder(becauseHidden, link)
	case w.seen[resolved]:
		w.l.skipped.folder(becauseListed, link)
	case strings.HasPrefix(top, strings.TrimSuffix(resolved, string(filepath.Separator))+string(filepath.Separator)):
		w.l.skipped.folder(becauseAbove, link)
	default:
		return w.tolerate(link, w.folder(link+"/", resolved))
	}
	return nil
}
