import static org.junit.Assert.assertEquals;

import org.junit.Assume;
import org.junit.Ignore;
import org.junit.Test;

public class PricesTest {
    @Test public void adds() { assertEquals(2, 1 + 1); }
    @Test public void fails() { assertEquals("\u001b[31m ]]> <&", 3, 1 + 1); }
    @Test public void breaks() { throw new RuntimeException("boom \u0000"); }
    @Test public void assumes() { Assume.assumeTrue("not here", false); }
    @Ignore("later") @Test public void ignored() { }
}
