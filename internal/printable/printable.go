// SPDX-License-Identifier: Apache-2.0

// Package printable shows text from outside, such as the names of files, so that it cannot steer a terminal: control
// characters, the marks that turn the direction of writing, and bytes that are no UTF-8 are escaped as in Go.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name returns a name as it is, or quoted if it holds anything that must be escaped.
func Name(s string) string {
	if next(s) == len(s) {
		return s
	}
	return strconv.Quote(s)
}

// Names returns every name as Name does, joined by commas.
func Names(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = Name(name)
	}
	return strings.Join(shown, ", ")
}

// Text escapes what must be escaped in a message, which may have several lines. It is for the last step before a
// terminal: it cannot say where a name begins and ends, as Name does.
func Text(s string) string {
	var b strings.Builder
	for {
		n := next(s)
		b.WriteString(s[:n])
		if s = s[n:]; s == "" {
			return b.String()
		}
		_, size := utf8.DecodeRuneInString(s)
		if s[0] == '\n' || s[0] == '\t' {
			b.WriteByte(s[0])
		} else {
			quoted := strconv.Quote(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
}

// next returns the index of the first character that must be escaped, or the length of s.
func next(s string) int {
	for i, r := range s {
		if !strconv.IsGraphic(r) {
			return i
		}
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return i // a byte that is no UTF-8
		}
	}
	return len(s)
}
