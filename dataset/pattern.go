// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// mostMatches is how many paths a pattern may stand for.
const mostMatches = 100_000

// isPattern reports whether a path that does not exist is a pattern: it has a wildcard (*, ?, [a-z]) or a brace ({a,b},
// {000..012}).
func isPattern(name string) bool {
	if !strings.ContainsAny(name, "*?[{") {
		return false
	}
	_, err := os.Lstat(name)
	return err != nil
}

// expand returns the files for which a pattern stands, sorted. Each must be there.
func expand(pattern string) ([]string, error) {
	names, err := braces(pattern, nil)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		matches := []string{name}
		if strings.ContainsAny(name, "*?[") {
			if matches, err = filepath.Glob(name); err != nil {
				return nil, fmt.Errorf("the pattern %s: %w", printable.Name(name), err)
			}
			if len(matches) == 0 {
				return nil, fmt.Errorf("no file matches the pattern %s", printable.Name(name))
			}
		} else if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("the pattern stands for the file %s, which is missing", printable.Name(name))
		}
		if all = append(all, matches...); len(all) > mostMatches {
			return nil, errTooMany()
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func errTooMany() error {
	return fmt.Errorf("the pattern stands for more than %d files: give the folder", mostMatches)
}

// braces appends to all what the braces of a pattern expand to: {a,b} to each of the parts, {000..012} to each of the
// numbers, with the width of the first one if that begins with a zero.
func braces(pattern string, all []string) ([]string, error) {
	before, rest, ok := strings.Cut(pattern, "{")
	if !ok {
		if len(all) >= mostMatches {
			return nil, errTooMany()
		}
		return append(all, pattern), nil
	}
	inside, after, ok := strings.Cut(rest, "}")
	if !ok || strings.Contains(inside, "{") {
		return nil, errors.New("the pattern has a brace that is not closed, or one in another")
	}
	parts := strings.Split(inside, ",")
	if first, last, ok := strings.Cut(inside, ".."); ok {
		var err error
		if parts, err = numbersFrom(first, last); err != nil {
			return nil, err
		}
	}
	var err error
	for _, part := range parts {
		if all, err = braces(before+part+after, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// numbersFrom returns the decimal numbers from first to last.
func numbersFrom(first, last string) ([]string, error) {
	from, err := strconv.ParseUint(first, 10, 32)
	to, err2 := strconv.ParseUint(last, 10, 32)
	if errors.Join(err, err2) != nil || from > to {
		return nil, fmt.Errorf("the pattern's {%s..%s} must be two numbers, the lower one first, as {000..012}",
			printable.Name(first), printable.Name(last))
	}
	if to-from >= mostMatches {
		return nil, errTooMany()
	}
	width := 0
	if strings.HasPrefix(first, "0") {
		width = len(first)
	}
	if width > 20 {
		return nil, errors.New("the pattern's numbers have more than 20 digits")
	}
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprintf("%0*d", width, n))
	}
	return all, nil
}

// relative returns the paths below the folder that all of them lie in, with slashes, and that folder.
func relative(paths []string) (dir string, names []string) {
	dir = filepath.Dir(paths[0])
	for _, p := range paths {
		for dir != "." && dir != string(filepath.Separator) && !strings.HasPrefix(p, dir+string(filepath.Separator)) {
			dir = filepath.Dir(dir)
		}
	}
	for _, p := range paths {
		name, err := filepath.Rel(dir, p)
		if err != nil {
			name = p
		}
		names = append(names, filepath.ToSlash(name))
	}
	return dir, names
}
