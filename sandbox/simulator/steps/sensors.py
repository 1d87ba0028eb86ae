"""Chiller readings (business_rules.md, section 15), thinned out by longer pauses (`parameters.Extensions`).

SQL Server keeps one current cold room row per sensor and archives the older ones; here, as in a database
without temporal tables, every reading is appended, and the next one ends it.
"""

import gzip

import numpy as np

from sandbox.simulator.columns import END_OF_TIME, Array
from sandbox.simulator.documents import compact
from sandbox.simulator.world import StepContext, World

COLD_ROOM_SENSORS, VEHICLE_SENSORS = 4, 2
REGISTRATION = "WWI-321-A"
COOLEST, WARMEST = 300, 500  # hundredths of a degree
LAST_COLD_ROOM_READING_S = 24 * 3600 - 30
VEHICLE_FROM_S, VEHICLE_TO_S = 7 * 3600, 16 * 3600


def read_cold_room(world: World, context: StepContext) -> dict[str, int]:
    """Append the day's readings: all sensors at the same times, each reading valid until the next."""
    readings, rng = world.cold_room_temperatures, context.rng
    longest = world.parameters.extensions.cold_room_interval_s
    times = context.today.astype("datetime64[s]") + _seconds(rng, 0, LAST_COLD_ROOM_READING_S, longest)
    if not len(times):
        return {}
    count = len(times) * COLD_ROOM_SENSORS
    current = np.arange(len(readings))
    readings.set(current, valid_to=times[0])
    readings.close(current)
    recorded = np.repeat(times, COLD_ROOM_SENSORS)
    rows = readings.append(
        cold_room_temperature_id=world.take_ids("cold_room", count),
        cold_room_sensor_number=np.tile(np.arange(1, COLD_ROOM_SENSORS + 1), len(times)),
        recorded_when=recorded,
        temperature=rng.integers(COOLEST, WARMEST, count, endpoint=True),
        valid_from=recorded,
        valid_to=np.append(recorded[COLD_ROOM_SENSORS:], np.full(COLD_ROOM_SENSORS, END_OF_TIME)),
    )
    readings.close(rows[:-COLD_ROOM_SENSORS])
    return {"cold room readings": count}


def read_vehicle(world: World, context: StepContext) -> dict[str, int]:
    """Append the readings of the van's chiller, each with a document that is text or, rarely, gzip."""
    rng, extensions = context.rng, world.parameters.extensions
    times = context.today.astype("datetime64[s]") + _seconds(
        rng, VEHICLE_FROM_S, VEHICLE_TO_S, extensions.vehicle_interval_s
    )
    count = len(times) * VEHICLE_SENSORS
    if not count:
        return {}
    recorded = np.repeat(times, VEHICLE_SENSORS)
    sensors = np.tile(np.arange(1, VEHICLE_SENSORS + 1), len(times))
    temperatures = rng.integers(COOLEST, WARMEST, count, endpoint=True)
    documents = _documents(rng, recorded, sensors, temperatures)
    compressed = rng.random(count) < extensions.compressed_share
    pairs = list(zip(documents, compressed.tolist(), strict=True))
    world.insert(
        "warehouse.vehicle_temperatures",
        vehicle_temperature_id=world.take_ids("vehicle", count),
        vehicle_registration=REGISTRATION,
        chiller_sensor_number=sensors,
        recorded_when=recorded,
        temperature=temperatures,
        full_sensor_data=[None if packed else document for document, packed in pairs],
        is_compressed=compressed,
        compressed_sensor_data=[
            gzip.compress(document.encode(), mtime=0) if packed else None for document, packed in pairs
        ],
    )
    return {"vehicle readings": count}


def _seconds(rng: np.random.Generator, first: int, last: int, longest_pause: int) -> Array:
    """Return the times of the readings in seconds of the day, with pauses of 1 to `longest_pause`."""
    pauses = rng.integers(1, longest_pause, 2 * (last - first) // longest_pause * 2 + 60, endpoint=True)
    seconds = first + np.cumsum(pauses)
    return np.asarray(seconds[seconds <= last])


def _documents(rng: np.random.Generator, times: Array, sensors: Array, temperatures: Array) -> list[str]:
    east, north = rng.random(len(times)) * 40, rng.random(len(times)) * 30
    documents = []
    for time, sensor, temperature, longitude, latitude in zip(
        np.datetime_as_string(times).tolist(),
        sensors.tolist(),
        temperatures.tolist(),
        np.round(-122.4169 + east, 5).tolist(),
        np.round(37.78352 + north, 5).tolist(),
        strict=True,
    ):
        point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [longitude, latitude]}}
        properties = {"rego": REGISTRATION, "sensor": str(sensor), "when": time, "temp": temperature / 100}
        documents.append(compact({"Recordings": [point | {"properties": properties}]}))
    return documents
