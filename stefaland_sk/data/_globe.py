"""Distances between places: great circles, and the nearest of many places."""

import numpy as np

EARTH_RADIUS = 6371.0088  # km, mean


def nearest_by_tree(points, others, k=1):
    """Find the `k` nearest of `others` for each point, by a tree, which suits few dimensions.

    Parameters
    ----------
    points, others : ndarray of shape (n, n_dimensions)
        Points of one space.
    k : int, default=1
        How many; never more than there are.

    Returns
    -------
    distance, position : ndarray of shape (n, k)
        Straight distances, rising, and positions among `others`.
    """
    from scipy.spatial import cKDTree  # slow to import, and seldom needed

    k = min(k, len(others))
    found = cKDTree(others).query(points, k=k)
    return tuple(part.reshape(len(points), k) for part in found)


class Globe:
    """Great-circle distances [km] by trees, so that no table of all pairs is needed."""

    unit = "km"

    def points(self, places):
        """Turn latitude and longitude [degrees] into points of the unit sphere."""
        lat, lon = np.radians(np.asarray(places, dtype=np.float64)).T
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], 1)

    def distance(self, chord):
        """Turn the straight distance between points of the unit sphere into km along it."""
        return 2 * EARTH_RADIUS * np.arcsin(np.minimum(np.asarray(chord) / 2, 1))

    def nearest(self, points, others):
        """Give the distance to the nearest of `others`, and its position, for each point."""
        chord, position = nearest_by_tree(points, others)
        return self.distance(chord[:, 0]), position[:, 0]

    def nearest_of_themselves(self, points):
        """Give the distance of each point to the nearest other one."""
        return self.distance(nearest_by_tree(points, points, k=2)[0][:, -1])

    def within(self, points, others, km):
        """Tell which points lie nearer than `km` to any of `others`."""
        return self.nearest(points, others)[0] < km
