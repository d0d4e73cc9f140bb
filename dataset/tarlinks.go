// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tarLinks are the links of an archive, by name, and where each leads: a name in the archive, or "" for a place
// outside.
type tarLinks map[string]string

// longestChain is how many links may lead from one to the next, as on Linux.
const longestChain = 40

// add adds the link with the given header and name. A hard link leads to a name in the archive; a symbolic link leads
// to one beside it.
func (l tarLinks) add(h *tar.Header, name string) {
	target := h.Linkname
	if h.Typeflag == tar.TypeSymlink && !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	if target = path.Clean(target); target == "" || !filepath.IsLocal(filepath.FromSlash(target)) ||
		strings.ContainsAny(target, "\x00\\") {
		target = ""
	}
	l[name] = target
}

// resolve returns files, and those to which the links lead under the links' names. at has the place of each file that
// no link and no later file has replaced. Links to folders, to nothing and in a circle are left out: a folder of the
// archive is listed under its own name.
func (l tarLinks) resolve(files []tarFile, at map[string]int, out *skipped) []tarFile {
	var kept []tarFile
	named := make(map[string]tarFile, len(files))
	folders := map[string]bool{".": true}
	for i, f := range files {
		if last, ok := at[f.name]; !ok || last != i {
			continue
		}
		kept = append(kept, f)
		named[f.name] = f
		for dir := path.Dir(f.name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		target, why := l.follow(name)
		f, ok := named[target]
		switch {
		case why != "":
			out.add(why, name)
		case folders[target]:
			out.folder(becauseListed, name)
		case !ok:
			out.add("links to nothing in the archive", name)
		default:
			kept = append(kept, tarFile{file{name: name, size: f.size}, f.offset})
		}
	}
	return kept
}

// follow returns the name to which a link leads when all links on the way are followed, those of folders included; or
// why it leads nowhere.
func (l tarLinks) follow(name string) (target, why string) {
	for range longestChain {
		link, rest := name, ""
		for ; link != "."; link = path.Dir(link) {
			if _, ok := l[link]; ok {
				rest = name[len(link):]
				break
			}
		}
		switch {
		case link == ".":
			return name, ""
		case l[link] == "":
			return "", "links that lead out of the archive"
		}
		name = path.Join(l[link], rest)
	}
	return "", "links in a circle"
}
