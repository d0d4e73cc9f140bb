// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/sheet"
)

// What the program writes is never its input. Package dataset cannot ask the packages that write, which import it, so
// it knows their folders by the files in them.

// outputFolders are the folders that the program writes: what each is, the file that names it, and files of which one
// lies beside that file.
var outputFolders = []struct {
	what, file string
	beside     []string
}{
	{"a run", "config.yaml", []string{"lock", "metrics.jsonl", "encoder.safetensors"}},
	{"a pack", packfile.ManifestFile, []string{packfile.ShardName(0)}},
	{"a clustering", "cluster.json", []string{"clusters.csv", "report.json"}},
}

// leaveOutputs leaves out the folders of runs and clusterings, and pictures that the program drew. root is
// the folder of the data, "" or with a slash at its end. Data that is itself such a folder is an error.
func (l *listing) leaveOutputs(root string) error {
	folders := l.outputs()
	if what, ok := folders[path.Clean("./"+root)]; ok {
		return fmt.Errorf("it is the folder of %s, which Parallax wrote: give a folder of images, or such a folder "+
			"below it as PATH:sub/folder", what)
	}
	const becauseOwn = "written by Parallax"
	drawn := l.drawn()
	noted := map[string]bool{}
	l.files = slices.DeleteFunc(l.files, func(f file) bool {
		if outer := outermost(folders, path.Dir(f.name)); outer != "" {
			if !noted[outer] {
				noted[outer] = true
				l.skipped.folder(becauseOwn+": "+folders[outer], outer)
			}
			return true
		}
		if drawn[f.name] {
			l.skipped.add("contact sheets that Parallax drew", f.name)
		}
		return drawn[f.name]
	})
	return nil
}

// outermost returns the one of the folders that dir is or lies in, the outermost of several; "" if there is none.
func outermost(folders map[string]string, dir string) (outer string) {
	if len(folders) == 0 {
		return ""
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if folders[dir] != "" {
			outer = dir
		}
	}
	return outer
}

// outputs returns the folders that the program wrote, by name ("." for the top), and what each is.
func (l *listing) outputs() map[string]string {
	candidates := map[string]string{}
	for _, f := range l.files {
		for _, o := range outputFolders {
			if path.Base(f.name) == o.file {
				candidates[path.Dir(f.name)] = o.what
			}
		}
	}
	found := map[string]string{}
	for _, f := range l.files {
		dir := path.Dir(f.name)
		for _, o := range outputFolders {
			if candidates[dir] == o.what && slices.Contains(o.beside, path.Base(f.name)) {
				found[dir] = o.what
			}
		}
	}
	return found
}

// lookedAt is the largest number of PNG files that are all opened to see whether the program drew them. Among more,
// only those with the name that the program gives are: opening a million files takes minutes.
const lookedAt = 10_000

// drawn returns the names of the pictures that the program drew.
func (l *listing) drawn() map[string]bool {
	var pngs []file
	for _, f := range l.files {
		if strings.EqualFold(path.Ext(f.name), ".png") {
			pngs = append(pngs, f)
		}
	}
	found := map[string]bool{}
	for _, f := range pngs {
		if len(pngs) > lookedAt && path.Base(f.name) != sheet.File {
			continue
		}
		if head, err := l.head(f, sheet.HeadBytes); err == nil && sheet.Made(head) {
			found[f.name] = true
		}
	}
	return found
}
