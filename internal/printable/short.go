// SPDX-License-Identifier: Apache-2.0

package printable

import "strconv"

// shown is the number of bytes of a text that Short shows.
const shown = 80

// Short quotes a text, such as a name in a file that somebody else wrote. Of a long one it shows the beginning.
func Short(s string) string {
	if len(s) > shown {
		return strconv.Quote(s[:shown]) + "..."
	}
	return strconv.Quote(s)
}

// Middle leaves out the middle of a message that is longer than most bytes, such as one with a path of megabytes.
func Middle(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most*3/4] + " ... " + s[len(s)-most/4:]
}
