// SPDX-License-Identifier: Apache-2.0

// Package filename writes the names of files into JSON, and reads them back. On Unix a name is bytes and need not be
// UTF-8, which encoding/json would replace. Here a byte that is not UTF-8 becomes the lone surrogate U+DC00 plus the
// byte, as in Python (PEP 383, "surrogateescape"), whose json module reads such a name as the one that open expects.
package filename

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name is the name or path of a file, in the bytes of the operating system.
type Name string

// escape is the start of the escape of a byte in JSON; its second half is the byte in hexadecimal.
const escape = `\udc`

// MarshalJSON writes the name as a JSON string.
func (n Name) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(n)) {
		return json.Marshal(string(n))
	}
	out := []byte{'"'}
	for rest := string(n); rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && size == 1 {
			out = fmt.Appendf(out, escape+"%02x", rest[0])
		} else {
			quoted, err := json.Marshal(rest[:size])
			if err != nil {
				return nil, err
			}
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		rest = rest[size:]
	}
	return append(out, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and any other JSON string.
func (n *Name) UnmarshalJSON(text []byte) error {
	if !bytes.Contains(bytes.ToLower(text), []byte(escape)) {
		return json.Unmarshal(text, (*string)(n))
	}
	if len(text) < 2 || text[0] != '"' {
		return errors.New("a file's name is a string")
	}
	var name strings.Builder
	for rest := text[1 : len(text)-1]; len(rest) > 0; {
		b, size := escaped(rest)
		if size > 0 {
			name.WriteByte(b)
			rest = rest[size:]
			continue
		}
		// A surrogate pair is one character, whose second half is no escape of ours.
		size = plain(rest)
		var part string
		if err := json.Unmarshal(append(append([]byte{'"'}, rest[:size]...), '"'), &part); err != nil {
			return err
		}
		name.WriteString(part)
		rest = rest[size:]
	}
	*n = Name(name.String())
	return nil
}

// escaped returns the byte that text begins with in escaped form; size is 0 if it does not.
func escaped(text []byte) (b byte, size int) {
	if len(text) < 6 || !strings.EqualFold(string(text[:4]), escape) {
		return 0, 0
	}
	v, err := strconv.ParseUint(string(text[4:6]), 16, 8)
	if err != nil || v < 0x80 {
		return 0, 0
	}
	return byte(v), 6
}

// plain returns the length of the character of a JSON string that text begins with, an escape sequence or a pair of
// them included.
func plain(text []byte) int {
	if text[0] != '\\' {
		_, size := utf8.DecodeRune(text)
		return size
	}
	if len(text) < 6 || text[1] != 'u' {
		return min(2, len(text))
	}
	if high, err := strconv.ParseUint(string(text[2:6]), 16, 16); err == nil && high >= 0xd800 && high < 0xdc00 {
		return min(12, len(text))
	}
	return 6
}
