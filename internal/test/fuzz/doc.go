// Package fuzz has the fuzz targets that need a whole App. The targets of a single package are in that package.
package fuzz
