// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the little JSON of a header: objects, strings and lists of natural numbers. It does not recurse, so no
// header can be nested too deep. encoding/json would let duplicate keys, lone surrogates and 1e3 as a length pass. The
// text is valid UTF-8. Strings without escapes are slices of it.
type scanner struct {
	text string
	at   int
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		case 0:
			return 1 // a byte that starts nothing, so that 0 can mean the end
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) fail(want string) error {
	if s.at >= len(s.text) {
		return fmt.Errorf("the header ends at byte %d, where %s should follow", s.at, want)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.at:])
	return fmt.Errorf("the header has %q at byte %d instead of %s", r, s.at, want)
}

func (s *scanner) expect(c byte, want string) error {
	if s.peek() != c {
		return s.fail(want)
	}
	s.at++
	return nil
}

// object reads an object and calls value after each key to read that key's value.
func (s *scanner) object(value func(key string) error) error {
	if err := s.expect('{', "an object"); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		key, err := s.str()
		if err != nil {
			return err
		}
		if err := s.expect(':', "':'"); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if s.peek() == '}' {
			s.at++
			return nil
		}
		if err := s.expect(',', "',' or '}'"); err != nil {
			return err
		}
	}
}

// numbers reads a list of at most `most` natural numbers.
func (s *scanner) numbers(most int) ([]int, error) {
	if err := s.expect('[', "a list of numbers"); err != nil {
		return nil, err
	}
	list := []int{}
	if s.peek() == ']' {
		s.at++
		return list, nil
	}
	for {
		if len(list) == most {
			return nil, fmt.Errorf("a list has more than %d numbers", most)
		}
		n, err := s.number()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if s.peek() == ']' {
			s.at++
			return list, nil
		}
		if err := s.expect(',', "',' or ']'"); err != nil {
			return nil, err
		}
	}
}

func (s *scanner) number() (int, error) {
	const want = "a natural number"
	s.peek()
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	digits := s.text[start:s.at]
	if digits == "" || len(digits) > 1 && digits[0] == '0' {
		s.at = start
		return 0, s.fail(want)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt {
		return 0, fmt.Errorf("the number %s is too large", shorten(digits))
	}
	return int(n), nil
}

func shorten(digits string) string {
	if len(digits) > 24 {
		return digits[:24] + "..."
	}
	return digits
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *scanner) str() (string, error) {
	if err := s.expect('"', "a string"); err != nil {
		return "", err
	}
	var before strings.Builder // what precedes start, once there was an escape
	start := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			text := s.text[start:s.at]
			if before.Len() > 0 {
				text = before.String() + text
			}
			s.at++
			return text, nil
		case c < ' ':
			return "", s.fail("the rest of a string")
		case c == '\\':
			before.WriteString(s.text[start:s.at])
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			before.WriteRune(r)
			start = s.at
		default:
			s.at++
		}
	}
	return "", s.fail("the end of a string")
}

// escape reads one escape sequence, or two that make a surrogate pair.
func (s *scanner) escape() (rune, error) {
	const want = "an escape sequence"
	s.at++
	if s.at == len(s.text) {
		return 0, s.fail(want)
	}
	c := s.text[s.at]
	if plain, ok := escapes[c]; ok {
		s.at++
		return rune(plain), nil
	}
	if c != 'u' {
		return 0, s.fail(want)
	}
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if strings.HasPrefix(s.text[s.at:], `\u`) {
		s.at++
		low, err := s.hex()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, fmt.Errorf("the header has half a surrogate pair before byte %d", s.at)
}

// hex reads the u and the four digits of a \u escape.
func (s *scanner) hex() (rune, error) {
	s.at++
	end := min(s.at+4, len(s.text))
	n, err := strconv.ParseUint(s.text[s.at:end], 16, 16)
	if err != nil || end-s.at < 4 {
		return 0, s.fail("four hexadecimal digits")
	}
	s.at = end
	return rune(n), nil
}
