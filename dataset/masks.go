// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// annotations are words in the names of folders that hold, for every image, a picture about it.
var annotations = strings.Fields(`mask masks label labels annotation annotations annot annots groundtruth gt gtfine
	segmentation segmentations segmentationclass segmentationobject seg segs depth depths heatmap heatmaps
	trimap trimaps thumb thumbs thumbnail thumbnails preview previews`)

// vocMasks are PASCAL VOC's folders of masks, which lie beside the folder JPEGImages.
var vocMasks = strings.Fields("SegmentationClass SegmentationObject SegmentationClassAug SegmentationClassRaw")

const vocImages = "JPEGImages"

func isAnnotation(folder string) bool {
	return slices.ContainsFunc(words(strings.ReplaceAll(folder, "_", "")), inAnnotations) ||
		slices.ContainsFunc(words(folder), inAnnotations)
}

func inAnnotations(word string) bool { return slices.Contains(annotations, word) }

// secondary is the end of the name, without its ending, of a picture that belongs to another one in the same folder.
var secondary = regexp.MustCompile(
	`(?i)[ _.-]?(masks?|seg|segmentation|labels?|gt|groundtruth|thumb|thumbnail|preview)([_-]?[0-9]{1,3})?$`)

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// masked finds a folder whose name is one of annotations and whose files are, for the most part, called like images
// outside such folders. It returns the folder of those images and that folder, "" if there are none.
func masked(names []string) (images, masks string) {
	is := map[string]bool{} // whether a folder's name is one of annotations
	of := func(name string) string {
		for at, c := range name {
			if c != '/' {
				continue
			}
			base := path.Base(name[:at])
			yes, known := is[base]
			if !known {
				yes = isAnnotation(base)
				is[base] = yes
			}
			if yes {
				return name[:at]
			}
		}
		return ""
	}
	counts := map[string]int{}
	for _, name := range names {
		if folder := of(name); folder != "" {
			counts[folder]++
		}
	}
	if len(counts) == 0 {
		return "", ""
	}
	owners := map[string]string{} // the folder of an image, by its name without its ending
	for _, name := range names {
		if of(name) == "" {
			owners[stem(path.Base(name))] = path.Dir(name)
		}
	}
	matched, beside := map[string]int{}, map[string]string{}
	for _, name := range names {
		folder := of(name)
		if folder == "" {
			continue
		}
		s := stem(path.Base(name))
		for _, key := range []string{s, secondary.ReplaceAllString(s, "")} {
			if owner, ok := owners[key]; ok {
				matched[folder]++
				beside[folder] = owner
				break
			}
		}
	}
	for _, folder := range sortedKeys(counts) {
		if 5*matched[folder] >= 4*counts[folder] {
			return cut(beside[folder], 1+strings.Count(folder, "/")), folder
		}
	}
	return "", ""
}

// cut keeps the first n folders of a path.
func cut(name string, n int) string {
	parts := strings.Split(name, "/")
	return strings.Join(parts[:min(n, len(parts))], "/")
}

// paired counts the files whose name says that they belong to another image of the same folder, as a_mask.png and a.jpg
// do to a.png, and gives one with the other. The names are sorted.
func paired(names []string) (n int, one, other string) {
	found := func(a, b string) {
		if n++; one == "" {
			one, other = a, b
		}
	}
	for i, name := range names {
		s := stem(name)
		if i > 0 && stem(names[i-1]) == s {
			found(name, names[i-1])
			continue
		}
		base := path.Base(s)
		if !mayBeSecondary(base) {
			continue
		}
		if base = secondary.ReplaceAllString(base, ""); base == path.Base(s) || base == "" {
			continue
		}
		owner := s[:len(s)-len(path.Base(s))] + base
		if at, _ := slices.BinarySearch(names, owner+"."); at < len(names) && stem(names[at]) == owner {
			found(name, names[at])
		}
	}
	return n, one, other
}

// mayBeSecondary is a fast test that all names pass which secondary changes: most names of a large data set do not.
func mayBeSecondary(name string) bool {
	name = strings.ToLower(strings.TrimRight(name, "0123456789"))
	name = strings.TrimRight(name, "_-")
	return slices.ContainsFunc(annotations, func(word string) bool { return strings.HasSuffix(name, word) })
}
