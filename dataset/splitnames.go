// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// splitNames are the names of splits, and of folders that are splits, by what each is called elsewhere.
var splitNames = map[string]string{
	"train": SplitTrain, "training": SplitTrain,
	"val": SplitVal, "valid": SplitVal, "validation": SplitVal, "dev": SplitVal,
	"test": SplitTest, "testing": SplitTest,
}

// cocoSplit is the name of a folder of COCO, such as train2017.
var cocoSplit = regexp.MustCompile(`^(train|val|test)20[0-9]{2}$`)

// splitOf returns the split that a folder is called like, or "".
func splitOf(folder string) string {
	folder = strings.ToLower(folder)
	if m := cocoSplit.FindStringSubmatch(folder); m != nil {
		return m[1]
	}
	return splitNames[folder]
}

// resembles returns the split whose name is a part of a folder's name, as in train_images or TestSet; "" if there is
// none.
func resembles(folder string) string {
	for _, word := range words(folder) {
		if split := splitNames[strings.TrimSuffix(word, "set")]; split != "" {
			return split
		}
	}
	return ""
}

// words returns the words of a name in lower case: runs of letters, also where a capital follows a small letter.
func words(name string) []string {
	var all []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = nil
		}
	}
	for _, r := range name {
		if !unicode.IsLetter(r) {
			end()
			continue
		}
		if unicode.IsUpper(r) && len(word) > 0 && unicode.IsLower(word[len(word)-1]) {
			end()
		}
		word = append(word, r)
	}
	end()
	return all
}

// several reports whether splits are the names of a training split and of another one.
func several(splits map[string]bool) bool {
	return splits[SplitTrain] && (splits[SplitVal] || splits[SplitTest])
}

// noClass are words in the names of folders that hold something else than one class.
var noClass = strings.Fields(
	"unlabeled unlabelled unsup extra extras holdout other others misc raw data images imgs all")

// isNoClass reports whether a folder's name says that it is no class.
func isNoClass(folder string) bool {
	return slices.ContainsFunc(words(folder), func(w string) bool { return slices.Contains(noClass, w) })
}
