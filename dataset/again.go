// SPDX-License-Identifier: Apache-2.0

package dataset

import "errors"

// OpenAgain opens the data of a run that began with the given number of images. It returns the split, too, which is
// that of o or [SplitNone]. A run of an earlier version that took no split knew fewer names of splits than Open knows
// now, and was asked nothing. Where Open asks, or finds another number of images, such a run's data is what it was
// without splits.
func OpenAgain(path string, o Options, images int) (s *Source, split string, err error) {
	s, err = Open(path, o)
	var asked *AmbiguousError
	if o.Split != "" || err == nil && s.Len() == images || err != nil && !errors.As(err, &asked) {
		return s, o.Split, err
	}
	o.Split = SplitNone
	without, failed := Open(path, o)
	switch {
	case failed != nil:
		return s, "", err
	case without.Len() != images:
		return s, "", errors.Join(err, without.Close())
	case s != nil:
		err = s.Close()
	default:
		err = nil
	}
	return without, SplitNone, err
}
