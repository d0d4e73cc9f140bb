// SPDX-License-Identifier: Apache-2.0

// Package expect has the rules of the laboratory. A rule is one prediction of a claim: a sentence that is printed, and
// code that judges the measurements of one seed. Package claims puts rules together to claims.
package expect
