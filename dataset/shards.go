// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// A shard is one of several files that make a data set together.
type shard struct {
	path   string // of the file
	name   string // below the folder of all shards, with slashes and without the ending: the folder of its images
	ending string
}

// shardEndings are the endings of archives and tables of images.
var shardEndings = strings.Fields(".tar .tar.gz .tgz .zip .parquet")

// isShard reports whether a file is an archive or a table of images by its name.
func isShard(name string) bool { _, ending := cutEnding(name); return ending != "" }

// cutEnding splits the name of a shard before its ending, which is "" if it has none of shardEndings.
func cutEnding(name string) (stem, ending string) {
	lower := strings.ToLower(name)
	for _, e := range shardEndings {
		if strings.HasSuffix(lower, e) && len(path.Base(lower)) > len(e) {
			return name[:len(name)-len(e)], e
		}
	}
	return name, ""
}

// shards are the files at paths, named below the folder that all of them lie in.
func shards(paths []string) []shard {
	dir, names := relative(paths)
	return shardsBelow(dir, "", names)
}

// shardsBelow are the files called names in the folder dir. Their own names begin below its folder root, which is ""
// or ends with a slash.
func shardsBelow(dir, root string, names []string) []shard {
	var all []shard
	for _, name := range names {
		stem, ending := cutEnding(strings.TrimPrefix(name, root))
		all = append(all, shard{filepath.Join(dir, filepath.FromSlash(name)), stem, ending})
	}
	slices.SortFunc(all, func(a, b shard) int { return cmp.Compare(a.name, b.name) })
	return all
}

// openPattern opens the files that a pattern stands for: archives, tables, or images.
func openPattern(pattern string, o Options) (*whole, error) {
	paths, err := expand(pattern)
	if err != nil {
		return nil, err
	}
	packed := 0
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("the pattern stands for %s, which is no file: give the folder that holds everything",
				printable.Name(p))
		case isShard(p):
			packed++
		}
	}
	switch packed {
	case len(paths):
		return openSet(shards(paths), o)
	case 0:
		dir, names := relative(paths)
		rows := make([]listRow, len(names))
		for i, name := range names {
			rows[i].path = name
		}
		return listed{dir: dir, rows: rows, what: "the pattern"}.open(o)
	}
	return nil, fmt.Errorf("the pattern stands for %d archives or tables and %s: give one kind of them", packed,
		plural(len(paths)-packed, "other file"))
}

// openSet opens several archives, or several tables, as one data set.
func openSet(set []shard, o Options) (*whole, error) {
	if err := namedApart(set); err != nil {
		return nil, err
	}
	tables := 0
	for _, s := range set {
		if s.ending == ".parquet" {
			tables++
		}
	}
	switch {
	case tables == len(set):
		return openParquet(set, o)
	case tables > 0:
		return nil, fmt.Errorf("it holds %s and %s: give one kind, by a pattern such as '*.parquet'",
			plural(len(set)-tables, "archive"), plural(tables, "Parquet file"))
	case len(set) == 1:
		return openWhole(set[0].path, o)
	}
	l, err := listSet(set, func(s shard) (*listing, error) { return listShard(s.path, o) })
	if err != nil {
		return nil, err
	}
	w, err := openArchives(l, set, o)
	if err != nil {
		_ = l.close()
		return nil, err
	}
	w.identity = l.identity
	w.skipped = append(w.skipped, l.skipped...)
	return w, nil
}

// namedApart returns an error if two shards of a sorted set have one name.
func namedApart(set []shard) error {
	for i, s := range set {
		if i > 0 && set[i-1].name == s.name {
			return fmt.Errorf("%s and %s hold the same images, or else their names must differ: give one of them",
				printable.Name(set[i-1].path), printable.Name(s.path))
		}
	}
	return nil
}

// cutShard splits the name of an image after the name of its archive, which is one of a set.
func cutShard[T any](name string, set map[string]T) (shard, rest string, ok bool) {
	for at, c := range name {
		if c == '/' {
			if _, ok := set[name[:at]]; ok {
				return name[:at], name[at+1:], true
			}
		}
	}
	return "", name, false
}

// listSet lists the files of several archives, each below a folder called like its archive. An archive that cannot be
// read is left out; it is an error if none can.
func listSet(set []shard, list func(shard) (*listing, error)) (*listing, error) {
	l := &listing{kind: KindTar}
	of := map[string]*listing{}
	l.close = func() error {
		var errs []error
		for _, s := range of {
			errs = append(errs, s.close())
		}
		return errors.Join(errs...)
	}
	identity := sha256.New()
	for _, s := range set {
		one, err := list(s)
		if err != nil {
			if l.skipped.add(err.Error(), s.name+s.ending); len(of) == 0 && s == set[len(set)-1] {
				return nil, fmt.Errorf("none of its %d archives can be read, such as %s: %w", len(set),
					printable.Name(s.name+s.ending), err)
			}
			continue
		}
		of[s.name] = one
		fmt.Fprintf(identity, "%q %x\n", s.name, one.identity)
		for _, f := range one.files {
			f.name = s.name + "/" + f.name
			l.files = append(l.files, f)
		}
		one.files = nil // they are in l
		for _, out := range one.skipped {
			for range out.Count {
				l.skipped.count(out.What, out.Reason, s.name+"/"+out.Examples[0])
			}
		}
		if one.kind == KindZip {
			l.kind = KindZip
		}
	}
	l.identity = identity.Sum(nil)
	l.sort()
	l.open = func(f file) (blob, error) {
		shard, inner, ok := cutShard(f.name, of)
		if !ok {
			return nil, os.ErrNotExist
		}
		f.name = inner
		return of[shard].open(f)
	}
	return l, nil
}

// listShard lists an archive that is opened again for each read.
func listShard(name string, o Options) (*listing, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	again := reopen(f)
	defer again.Close()
	if isIDX(f) {
		return nil, errors.New("an IDX file, not an archive")
	}
	return listOpened(again, o)
}

func isIDX(f *os.File) bool {
	head := make([]byte, len(idxImages))
	_, err := f.ReadAt(head, 0)
	return err == nil && string(head) == string(idxImages)
}

// openArchives makes the data set of several archives. Numbered ones, and those with samples of WebDataset, are parts
// of a whole: their names say at most the split. Others are folders, for example one for each class.
func openArchives(l *listing, set []shard, o Options) (*whole, error) {
	if err := l.leaveOutputs(""); err != nil {
		return nil, err
	}
	dir, _ := relative(shardPaths(set))
	w, err := imageFiles(l, dir, "", o)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(set))
	for i, s := range set {
		names[i] = s.name
	}
	w.shards = map[string]int{}
	for i, name := range names {
		w.shards[name] = i
	}
	if !numbered(names) && w.from == "" {
		return w, nil
	}
	split := make(map[string]string, len(set))
	for _, name := range names {
		split[name] = shardSplit(name)
	}
	for i := range w.items {
		it := &w.items[i]
		if shard, rest, ok := cutShard(it.name, split); ok {
			it.split, it.rel = split[shard], rest
		}
	}
	w.arrange = w.given("by the names of the archives", "no archive is called like a split")
	return w, nil
}

func shardPaths(set []shard) []string {
	paths := make([]string, len(set))
	for i, s := range set {
		paths[i] = s.path
	}
	return paths
}

// given is an arrange for images whose splits and labels are those of their items. why says where their splits are
// from, and without why there are none.
func (w *whole) given(why, without string) func(want string) (*layout, error) {
	w.folders, w.why = nil, [2]string{why, without}
	return func(want string) (*layout, error) {
		l := &layout{places: make([]place, len(w.items)), why: without}
		for i, it := range w.items {
			l.places[i] = place{split: it.split, rel: it.rel}
			switch {
			case want == SplitNone:
				l.places[i].split, l.why = "", "data.split is none"
			case it.split != "":
				l.why = why
			}
		}
		return l, nil
	}
}

// shardSplit returns the split that a shard's name, or a folder in it, is called like; "" if there is none.
func shardSplit(name string) (split string) {
	for part := range strings.SplitSeq(name, "/") {
		if s := resembles(part); s != "" {
			split = s
		}
	}
	return split
}

// shardNumber is the end of the name of a numbered shard, as in train-000012 and train-00012-of-00040.
var shardNumber = regexp.MustCompile(`[0-9]{1,12}(-of-[0-9]{1,12})?$`)

// numbered reports whether the names are those of numbered parts: each ends with a number, some of them are called
// alike but for it, and the numbers of these lie close together. Names of classes such as n01440764 do not.
func numbered(names []string) bool {
	numbers := map[string][]int{}
	for _, name := range names {
		tail := shardNumber.FindString(name)
		if tail == "" {
			return false
		}
		digits, _, _ := strings.Cut(tail, "-")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return false
		}
		key := name[:len(name)-len(tail)]
		numbers[key] = append(numbers[key], n)
	}
	parts := false
	for _, all := range numbers {
		parts = parts || len(all) > 1
		if slices.Max(all)-slices.Min(all) >= 4*len(all) {
			return false
		}
	}
	return parts
}
